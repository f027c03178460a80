package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/internal/lookalike"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const subscriptionKey = "0123456789abcdef0123456789abcdef"

// calls are what the users of real SDKs have seen, and how often each call has come to
// the upstream.
type calls struct {
	api *lookalike.Server
	url string

	mu       sync.Mutex
	arrivals map[string]int
	answered map[string]int // by the first word of their names, which is that of the SDK
	how      map[string]int // since the last look
	details  []string
}

// newCalls starts the API that the SDKs ask. Its streams take a second or two.
func newCalls() (*calls, error) {
	c := &calls{arrivals: map[string]int{}, answered: map[string]int{}, how: map[string]int{}}
	c.api = lookalike.New(lookalike.Options{
		PrimaryKey: subscriptionKey, EventInterval: 20 * time.Millisecond,
		OnRequest: func(r lookalike.Request) {
			c.mu.Lock()
			defer c.mu.Unlock()
			name := r.Get("x-e2e-case")
			if c.arrivals[name]++; c.arrivals[name] == 2 {
				c.how["doubled"]++
				c.details = append(c.details, name+" came to the upstream twice")
			}
		},
	})
	var err error
	c.url, err = c.api.Start("127.0.0.1:0")
	return c, err
}

// line is what a script prints for a call.
type line struct {
	ID, How, Detail string
	Rested          bool
}

func (c *calls) note(l line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.how[l.How]++
	if l.How == "ok" {
		whose, _, _ := strings.Cut(l.ID, "-")
		c.answered[whose]++
	}
	if l.How == "ok" && c.arrivals[l.ID] == 0 {
		c.how["short"]++
		c.details = append(c.details, l.ID+" was answered, and never came to the upstream")
	}
	if l.How != "ok" {
		c.details = append(c.details, l.ID+" "+l.How+": "+l.Detail)
	}
}

// take returns what has been seen since the last call.
func (c *calls) take() (how map[string]int, details []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	how, details = c.how, c.details
	c.how, c.details = map[string]int{}, nil
	return how, details
}

// least returns how many answers the SDK has had that has had the fewest.
func (c *calls) least() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(c.answered["python"], c.answered["node"])
}

// sdk is a process that calls by a real SDK.
type sdk struct {
	*testkit.Program
	name   string
	in     io.Writer
	rested chan struct{}
}

// sdks are the scripts, and what runs them.
var sdks = []struct{ name, interpreter, script string }{
	{"openai-python 3.57.0", "python/openai-3.57.0/bin/python", "python/scale_calls.py"},
	{"openai (npm) 7", "node", "node/scale_calls.mjs"},
}

// startSDKs starts them; they rest. source is the root of the source tree.
func startSDKs(source, base string, told func(line)) (all []*sdk, err error) {
	cache := cmp.Or(os.Getenv("E2E_CACHE"), filepath.Join(source, "e2e", ".cache"))
	for _, s := range sdks {
		interpreter := s.interpreter
		if filepath.Dir(interpreter) != "." {
			interpreter = filepath.Join(cache, interpreter)
		}
		one, err := startSDK(s.name, base, told, interpreter, filepath.Join(source, "e2e", "sdk", s.script))
		if err != nil {
			return all, fmt.Errorf("%s: %w; run e2e/install first", s.name, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// startSDK runs a script. It sees no credential of the machine: SDKs read many from the
// environment.
func startSDK(name, base string, told func(line), words ...string) (*sdk, error) {
	s := &sdk{name: name, rested: make(chan struct{})}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "LANG=C.UTF-8", "NO_PROXY=*", "PYTHONDONTWRITEBYTECODE=1",
		"E2E_KEY_BASE=" + base, "E2E_TOKEN_BASE=" + base, "E2E_KEY=" + subscriptionKey, "E2E_TOKEN=none", "E2E_OTHER_KEY=none",
	}
	program, in, out, err := testkit.Converse(cmd)
	if err != nil {
		return nil, err
	}
	s.Program, s.in = program, in
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var l line
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				l = line{How: "failed", Detail: fmt.Sprintf("it says %q", lines.Bytes())}
			}
			if l.Rested {
				s.rested <- struct{}{}
				continue
			}
			told(l)
		}
	}()
	return s, nil
}

// tell has it go or rest.
func (s *sdk) tell(word string) { _, _ = io.WriteString(s.in, word+"\n") }

// rest waits until each of its calls has ended.
func (s *sdk) rest() error {
	s.tell("rest")
	select {
	case <-s.rested:
		return nil
	case <-s.Exited():
		return fmt.Errorf("%s has ended: %s", s.name, s.Said())
	case <-time.After(2 * testkit.Patience):
		return fmt.Errorf("%s does not come to rest", s.name)
	}
}
