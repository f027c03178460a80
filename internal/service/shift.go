package service

// TookOver says in the log which process is told to drain, now that this one serves; 0:
// there was none. err is why it could not be told.
func (s *Service) TookOver(before int, err error) {
	switch {
	case err != nil:
		s.log.Error().Err(err).Msg("the edge to relieve could not be told; end it with SIGTERM")
	case before != 0:
		s.log.Info().Int("relieved", before).Msg("has taken over")
	}
}

// NotTold says in the log that whoever watches over the process could not be told.
func (s *Service) NotTold(where string, err error) {
	s.log.Warn().Str("socket", where).Err(err).Msg("the supervisor could not be told")
}
