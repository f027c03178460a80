package service

import (
	"bytes"
	"io"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/logsink"
)

// logOutput is what loggers write to: the sink, in the format and from the level
// that the configuration in use asks for.
type logOutput struct {
	sink            *logsink.Sink
	terminal, color bool
	settings        atomic.Pointer[logSettings]
}

type logSettings struct {
	level zerolog.Level
	out   io.Writer
}

// newLog returns the output of o.Log and the logger that writes to it.
func newLog(conf config.Log, o Options) (*logOutput, zerolog.Logger) {
	l := &logOutput{terminal: o.Terminal, color: o.Color}
	l.sink = logsink.New(o.Log, l.notice)
	l.use(conf)
	return l, zerolog.New(l).Sample(l).With().Timestamp().Logger()
}

// use changes level and format for the lines that come from now on.
func (l *logOutput) use(conf config.Log) {
	level, err := zerolog.ParseLevel(conf.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	next := &logSettings{level: level, out: l.sink}
	if conf.Format == "console" || conf.Format == "auto" && l.terminal {
		next.out = l.console(l.sink)
	}
	l.settings.Store(next)
}

func (l *logOutput) console(out io.Writer) io.Writer { return people(out, l.color) }

// Sample implements zerolog.Sampler: it asks for the level before a line is made,
// so that a line that is not wanted costs nothing.
func (l *logOutput) Sample(level zerolog.Level) bool { return level >= l.settings.Load().level }

// WriteLevel implements zerolog.LevelWriter. It looks at the level once more: a
// logger with a sampler of its own has not asked Sample.
func (l *logOutput) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	s := l.settings.Load()
	if level < s.level {
		return len(line), nil
	}
	return s.out.Write(line)
}

// Write implements io.Writer.
func (l *logOutput) Write(line []byte) (int, error) { return l.settings.Load().out.Write(line) }

// notice returns the line that tells of lost lines, which goes past the sink's
// queue: that may be full.
func (l *logOutput) notice(lost int64) []byte {
	if !l.Sample(zerolog.WarnLevel) {
		return nil
	}
	var line bytes.Buffer
	var out io.Writer = &line
	if l.settings.Load().out != io.Writer(l.sink) {
		out = l.console(&line)
	}
	told := zerolog.New(out).With().Timestamp().Logger()
	told.Warn().Int64("lines", lost).Msg("lines of the log were lost; it could not be written")
	return line.Bytes()
}
