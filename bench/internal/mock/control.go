package mock

import (
	"encoding/json"
	"net/http"
)

// Control answers the bench's questions: /stats with the counters, /reset ends
// streams that were not cancelled, and /departure?id=ID with the time at which the end of the silent exchange ID was
// seen (0: it runs; 404: it never came).
func (s *Server) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.Stats())
	})
	mux.HandleFunc("/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		_ = json.NewEncoder(w).Encode(s.Stats())
	})
	mux.HandleFunc("/departure", func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("id")
		s.mu.Lock()
		at, gone := s.departures[id]
		_, running := s.running[id]
		s.mu.Unlock()
		if !gone && !running {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(at)
	})
	return mux
}
