//go:build e2e

// Package wire tells whole exchanges as text files with both sides of the wire
// and plays them on raw sockets against the real binary. README.md describes
// the language of the files; testdata has the stories, one promise each.
//
// Nothing here uses an HTTP library: it would repair what must be seen. The
// runner parses what the edge sends with a strict parser of its own, so that
// each story also checks that the edge puts exactly one well-formed message on
// the wire for each one that it accepts.
package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"
)

// Story is one file.
type Story struct {
	Promise string
	Config  string
	clients []clientScript
	answers []answerScript
	silent  bool     // the upstream must not even see a connection
	log     []string // nil: only the number of lines is checked
}

type clientScript struct {
	steps []step
	want  []responseWant
}

// answerScript is what the upstream expects of its n-th request and does then.
type answerScript struct {
	steps []step
	want  []requestCheck
}

// sections collects the text of a file before it is compiled. The maps have
// the number in the section's name as key.
type sections struct {
	config, promise      string
	send, wantClient     map[int]section
	answer, wantUpstream map[int]section
	log                  []string
	hasLog               bool
	never                bool // the upstream gets no request
	connects             bool // but it may see connections
}

type section struct {
	text string
	raw  bool
}

const defaultConfig = `upstreams: {legacy: {url: "http://{UPSTREAM}"}}
routes: {openai: {path_prefix: /, upstream: legacy}}
`

// plainAnswer is what the upstream says where a story does not tell.
const plainAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

var sectionName = regexp.MustCompile(`^(client\.send|client\.want|upstream\.send|upstream\.want)(\.raw)?(?: ([1-9][0-9]?))?$`)

// parseSections reads a file and checks its outline.
func parseSections(text []byte) (*sections, error) {
	archive := txtar.Parse(text)
	s := &sections{
		promise: strings.TrimSpace(string(archive.Comment)),
		send:    map[int]section{}, wantClient: map[int]section{},
		answer: map[int]section{}, wantUpstream: map[int]section{},
		config: defaultConfig,
	}
	if s.promise == "" {
		return nil, fmt.Errorf("the file does not begin with its promise")
	}
	for _, f := range archive.Files {
		if err := s.add(f.Name, string(f.Data)); err != nil {
			return nil, err
		}
	}
	return s, s.check()
}

func (s *sections) add(name, text string) error {
	switch name {
	case "config.yaml":
		s.config = text
		return nil
	case "log.want":
		s.log, s.hasLog = contentLines(text), true
		return nil
	}
	match := sectionName.FindStringSubmatch(name)
	if match == nil {
		return fmt.Errorf("unknown section %q", name)
	}
	number := 1
	if match[3] != "" {
		number, _ = strconv.Atoi(match[3])
	}
	into := map[string]map[int]section{
		"client.send": s.send, "client.want": s.wantClient,
		"upstream.send": s.answer, "upstream.want": s.wantUpstream,
	}[match[1]]
	if _, double := into[number]; double {
		return fmt.Errorf("section %q stands there twice", name)
	}
	into[number] = section{text, match[2] != ""}
	return nil
}

// check refuses outlines with which a story could pass without saying anything.
func (s *sections) check() error {
	for _, numbered := range []map[int]section{s.send, s.wantClient} {
		if len(numbered) == 0 || !contiguous(numbered) {
			return fmt.Errorf("client.send and client.want must be there, numbered from 1")
		}
	}
	if len(s.send) != len(s.wantClient) {
		return fmt.Errorf("%d client.send but %d client.want", len(s.send), len(s.wantClient))
	}
	if len(s.answer)+len(s.wantUpstream) == 0 {
		return fmt.Errorf("nothing is said about the upstream; write upstream.want with the line never if it must not be asked")
	}
	only := strings.TrimSpace(s.wantUpstream[1].text)
	if only == "never" || only == "unasked" {
		s.never, s.connects = true, only == "unasked"
		if len(s.answer)+len(s.wantUpstream) > 1 {
			return fmt.Errorf("upstream.want says %s, but there is more about the upstream", only)
		}
	}
	return nil
}

func contiguous(numbered map[int]section) bool {
	for n := range len(numbered) {
		if _, ok := numbered[n+1]; !ok {
			return false
		}
	}
	return true
}

// compile turns the text into scripts, with the addresses of this run.
func (s *sections) compile(r *strings.Replacer) (*Story, error) {
	story := &Story{Promise: s.promise, silent: s.never && !s.connects}
	for n := 1; n <= len(s.send); n++ {
		steps, err := parseScript(r.Replace(s.send[n].text), s.send[n].raw)
		if err != nil {
			return nil, fmt.Errorf("client.send %d: %w", n, err)
		}
		want, err := parseClientWant(r.Replace(s.wantClient[n].text))
		if err != nil {
			return nil, fmt.Errorf("client.want %d: %w", n, err)
		}
		story.clients = append(story.clients, clientScript{steps, want})
	}
	for _, line := range s.log {
		story.log = append(story.log, r.Replace(line))
	}
	if s.hasLog && story.log == nil {
		story.log = []string{}
	}
	return story, s.compileAnswers(story, r)
}

// compileAnswers fills in one script for each request that the upstream is to
// get; `count N` lets a section stand for N of them.
func (s *sections) compileAnswers(story *Story, r *strings.Replacer) error {
	last := max(highest(s.answer), highest(s.wantUpstream))
	for n := 1; n <= last && !s.never; n++ {
		count, want, err := parseUpstreamWant(r.Replace(s.wantUpstream[n].text))
		if err != nil {
			return fmt.Errorf("upstream.want %d: %w", n, err)
		}
		steps := []step{{verb: "send", data: []byte(plainAnswer)}}
		if answer, ok := s.answer[n]; ok {
			if steps, err = parseScript(r.Replace(answer.text), answer.raw); err != nil {
				return fmt.Errorf("upstream.send %d: %w", n, err)
			}
		}
		for range count {
			story.answers = append(story.answers, answerScript{steps, want})
		}
	}
	return nil
}

func highest(numbered map[int]section) (n int) {
	for number := range numbered {
		n = max(n, number)
	}
	return n
}

// contentLines returns the lines that say something.
func contentLines(text string) []string {
	lines := strings.Split(text, "\n")
	return slices.DeleteFunc(lines, func(line string) bool {
		return strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#")
	})
}
