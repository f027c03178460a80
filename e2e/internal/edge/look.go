package edge

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// Get asks the admin listener, on a connection of its own.
func (e *Edge) Get(path string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testkit.Patience}
	resp, err := client.Get("http://" + e.admin + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s %s", path, resp.Status, text)
	}
	return string(text), err
}

// Metrics are the values of one scrape, by series as it is written.
type Metrics map[string]float64

// Scrape reads the metrics.
func (e *Edge) Scrape() (Metrics, error) {
	text, err := e.Get("/metrics")
	m := Metrics{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		value, wrong := strconv.ParseFloat(line[at+1:], 64)
		if wrong != nil {
			return m, fmt.Errorf("metric %q: %w", line, wrong)
		}
		m[line[:at]] = value
	}
	return m, err
}

// Sum adds the series of a metric that have all the labels, as `name="value"`. The metric
// and the names of the labels must be there, since one that is misspelt would be 0; a
// value may still have to come.
func (m Metrics) Sum(name string, labels ...string) (sum int) {
	known := make([]bool, len(labels))
	found := false
	for series, v := range m {
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		found = true
		fits := true
		for i, l := range labels {
			label, _, _ := strings.Cut(l, "=")
			known[i] = known[i] || strings.Contains(series, "{"+label+"=") || strings.Contains(series, ","+label+"=")
			fits = fits && strings.Contains(series, l)
		}
		if fits {
			sum += int(v)
		}
	}
	if !found && name != firstCounted || found && slices.Contains(known, false) {
		panic(fmt.Sprintf("BUG: no metric %s with the labels %q among the %d series of the edge", name, labels, len(m)))
	}
	return sum
}

// Has reports whether a metric has any series.
func (m Metrics) Has(name string) bool {
	for series := range m {
		if series == name || strings.HasPrefix(series, name+"{") {
			return true
		}
	}
	return false
}

// firstCounted is the one metric that has no series before its first exchange.
const firstCounted = "apim_edge_requests_total"

// Heap returns the bytes that are in use behind two collections: pools give away
// at the second one.
func (e *Edge) Heap() (int, error) {
	for range 2 {
		if _, err := e.Get("/debug/pprof/heap?gc=1"); err != nil {
			return 0, err
		}
	}
	m, err := e.Scrape()
	return m.Sum("go_memstats_heap_alloc_bytes"), err
}

// Files counts its open descriptors by what they are.
func (e *Edge) Files() (kinds map[string]int, sum int, err error) {
	folder := fmt.Sprintf("/proc/%d/fd/", e.Pid())
	entries, err := os.ReadDir(folder)
	kinds = map[string]int{}
	for _, entry := range entries {
		target, _ := os.Readlink(folder + entry.Name()) // an error: it has been closed meanwhile
		kind, _, _ := strings.Cut(target, ":[")
		kinds[kind]++
	}
	return kinds, len(entries), err
}

// Memory returns a value in bytes: VmRSS, VmHWM for the most that VmRSS ever was,
// or Pss and Rss, where Pss has its part of what is shared.
func (e *Edge) Memory(name string) (int, error) {
	file := "status"
	if !strings.HasPrefix(name, "Vm") {
		file = "smaps_rollup"
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", e.Pid(), file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name+":"); found {
			kilobytes, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in %s of the edge", name, file)
}

// CPUTime reads user and system time of a process, whose unit is 10 ms on every
// Linux that has been built for years (USER_HZ).
func CPUTime(pid int) time.Duration {
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
