// Package deploy holds that what operators are given to run apim-edge with fits
// apim-edge: its configuration, its paths and ports, its metrics, its drain.
package deploy

import (
	"fmt"
	"io"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/service"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// parse reads one YAML document into a tree.
func parse(t *testing.T, text string) node {
	t.Helper()
	var tree any
	testkit.Must(t, yaml.Unmarshal([]byte(text), &tree))
	return node{tree}
}

// node is a part of a YAML document.
type node struct{ value any }

// at goes down by keys and indexes; what is not there is nil.
func (n node) at(path ...any) node {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := n.value.(map[string]any)
			n = node{object[step]}
		case int:
			if list, _ := n.value.([]any); step < len(list) {
				n = node{list[step]}
			} else {
				n = node{}
			}
		}
	}
	return n
}

func (n node) list() (all []node) {
	list, _ := n.value.([]any)
	for _, v := range list {
		all = append(all, node{v})
	}
	return all
}

// some reports whether it is an object that is not empty: an empty selector selects all.
func (n node) some() bool {
	object, _ := n.value.(map[string]any)
	return len(object) > 0
}

func (n node) text() string { return fmt.Sprint(n.value) }

func (n node) int() int {
	v, _ := n.value.(int)
	return v
}

// load reads a configuration as serve does, and fails on faults and on warnings,
// save that the admin listener is open: NetworkPolicies and Compose's own network
// keep it from others.
func load(t *testing.T, text string) config.Config {
	t.Helper()
	file := testkit.File(t, "config.yaml", text)
	c, err := config.Load(config.Options{File: file})
	if err != nil {
		t.Fatalf("the edge refuses its configuration: %v", err)
	}
	for _, w := range c.Warnings() {
		if w.Key != "admin.address" {
			t.Errorf("warning: %v", w)
		}
	}
	return c
}

// toEnd is how long an edge takes to end at most: its drain, and a moment.
func toEnd(c config.Config) time.Duration {
	return c.Timeouts.DrainDelay.Duration + c.Timeouts.Drain.Duration + 5*time.Second
}

// serve runs an edge with the configuration, on free ports, and returns how to get a
// path of its admin listener.
func serve(t *testing.T, c config.Config) (get func(path string) (int, string)) {
	t.Helper()
	c.Listen.Address, c.Admin.Address = "127.0.0.1:0", "127.0.0.1:0"
	c.Timeouts.Drain, c.Timeouts.DrainDelay = config.Seconds(1), config.Seconds(0)
	s, err := service.Start(service.Options{
		Load: func() (config.Config, error) { return c, nil }, Log: io.Discard, Version: "test",
	})
	testkit.Must(t, err)
	t.Cleanup(func() { s.Stop("test") })
	return func(path string) (int, string) {
		answer := testkit.Get(t, "http://"+s.AdminAddress+path)
		return answer.StatusCode, answer.Text
	}
}
