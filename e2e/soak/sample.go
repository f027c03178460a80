package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
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

// look samples the edge itself; what the load knows is added by the sampler.
func (e *edge) look() (sample, error) {
	var s sample
	metrics, err := e.metrics()
	if err != nil {
		return s, err
	}
	const mib = 1 << 20
	s.heap = metrics["go_memstats_heap_inuse_bytes"] / mib
	s.threads = metrics["go_threads"]
	s.goroutines = metrics["go_goroutines"]
	s.clients = metrics["apim_edge_client_connections"]
	s.upstreams = metrics["apim_edge_upstream_connections"]
	s.exchanges = metrics["apim_edge_exchanges_inflight"]
	s.streams = metrics["apim_edge_streams_open"]
	s.requests = metrics["apim_edge_requests_total"]
	s.linesLost = metrics["apim_edge_log_lines_lost_total"]
	s.reloads = metrics[`apim_edge_reloads_total{result="ok"}`]
	s.reloadsFailed = metrics[`apim_edge_reloads_total{result="failed"}`]
	s.lines = float64(e.log.exchanges())
	return s, e.lookFromOutside(&s)
}

// lookFromOutside asks the kernel.
func (e *edge) lookFromOutside(s *sample) error {
	pid := e.cmd.Process.Pid
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(rollup)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "Pss:":
			s.pss = kib / 1024
		case "Rss:":
			s.rss = kib / 1024
		}
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return err
	}
	s.descriptors = float64(len(descriptors))
	s.edgeTime, s.soakTime = cpuTime(pid), cpuTime(os.Getpid())
	return nil
}

// descriptors counts the open descriptors by what they are.
func (e *edge) descriptors() map[string]int {
	folder := fmt.Sprintf("/proc/%d/fd/", e.cmd.Process.Pid)
	kinds := map[string]int{}
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		target, err := os.Readlink(folder + entry.Name())
		if err != nil {
			continue
		}
		kind, _, _ := strings.Cut(target, ":[")
		kinds[kind]++
	}
	return kinds
}

// cpuTime reads user and system time, whose unit is 10 ms on every Linux that has
// been built for years (USER_HZ).
func cpuTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // the name may hold spaces
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// metrics reads the edge's own metrics: each series, and by the name alone the
// sum over all series of that name.
func (e *edge) metrics() (map[string]float64, error) {
	resp, err := e.scraper.Get("http://" + e.admin + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New("/metrics answers " + resp.Status)
	}
	return parseMetrics(resp.Body)
}

func parseMetrics(r io.Reader) (map[string]float64, error) {
	metrics := map[string]float64{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", line, err)
		}
		series := line[:space]
		metrics[series] = value
		if name, _, labelled := strings.Cut(series, "{"); labelled {
			metrics[name] += value
		}
	}
	return metrics, lines.Err()
}
