package main

import (
	"os"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// sample is one look at the edge and its load.
type sample struct {
	at time.Duration // since the load began

	pss, rss, heap                         float64 // MiB; heap is Go's in use
	goroutines, threads, descriptors       float64
	clients, upstreams, exchanges, streams float64
	edgeCPU, soakCPU                       float64 // cores
	p50, p99, longest                      float64 // ms, of small exchanges; 0: there were none
	rate                                   float64 // ended exchanges per second
	findings                               float64 // so far

	requests, lines, linesLost, reloads, reloadsFailed float64 // so far

	edgeTime, soakTime time.Duration
	ended              int64
}

// columns are what a sample tells, in the order of samples.csv.
var columns = []struct {
	name  string
	value func(s *sample) float64
}{
	{"pss_mib", func(s *sample) float64 { return s.pss }},
	{"rss_mib", func(s *sample) float64 { return s.rss }},
	{"heap_mib", func(s *sample) float64 { return s.heap }},
	{"goroutines", func(s *sample) float64 { return s.goroutines }},
	{"threads", func(s *sample) float64 { return s.threads }},
	{"descriptors", func(s *sample) float64 { return s.descriptors }},
	{"client_connections", func(s *sample) float64 { return s.clients }},
	{"upstream_connections", func(s *sample) float64 { return s.upstreams }},
	{"exchanges_inflight", func(s *sample) float64 { return s.exchanges }},
	{"streams_open", func(s *sample) float64 { return s.streams }},
	{"edge_cores", func(s *sample) float64 { return s.edgeCPU }},
	{"soak_cores", func(s *sample) float64 { return s.soakCPU }},
	{"small_p50_ms", func(s *sample) float64 { return s.p50 }},
	{"small_p99_ms", func(s *sample) float64 { return s.p99 }},
	{"small_max_ms", func(s *sample) float64 { return s.longest }},
	{"exchanges_per_second", func(s *sample) float64 { return s.rate }},
	{"findings", func(s *sample) float64 { return s.findings }},
	{"requests_total", func(s *sample) float64 { return s.requests }},
	{"access_lines", func(s *sample) float64 { return s.lines }},
	{"log_lines_lost", func(s *sample) float64 { return s.linesLost }},
	{"reloads", func(s *sample) float64 { return s.reloads }},
	{"reloads_failed", func(s *sample) float64 { return s.reloadsFailed }},
}

// look samples the edge; what the load knows besides is added by the sampler.
func (s *soak) look() (now sample, err error) {
	m, err := s.Scrape()
	if err != nil {
		return now, err
	}
	const mib = 1 << 20
	value := func(name string, labels ...string) float64 { return float64(m.Sum(name, labels...)) }
	now.heap = value("go_memstats_heap_inuse_bytes") / mib
	now.threads = value("go_threads")
	now.goroutines = value("go_goroutines")
	now.clients = value("apim_edge_client_connections")
	now.upstreams = value("apim_edge_upstream_connections")
	now.exchanges = value("apim_edge_exchanges_inflight")
	now.streams = value("apim_edge_streams_open")
	now.requests = value("apim_edge_requests_total")
	now.linesLost = value("apim_edge_log_lines_lost_total")
	now.reloads = value("apim_edge_reloads_total", `result="ok"`)
	now.reloadsFailed = value("apim_edge_reloads_total", `result="failed"`)
	now.lines = float64(s.ledger.Lines())
	pss, err := s.Memory("Pss")
	if err != nil {
		return now, err
	}
	rss, err := s.Memory("Rss")
	if err != nil {
		return now, err
	}
	now.pss, now.rss = float64(pss)/mib, float64(rss)/mib
	_, files, err := s.Files()
	now.descriptors = float64(files)
	now.edgeTime, now.soakTime = edge.CPUTime(s.Pid()), edge.CPUTime(os.Getpid())
	for _, leg := range s.Settings.Legs {
		now.soakTime += leg.Upstream.CPUTime()
	}
	return now, err
}
