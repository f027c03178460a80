//go:build e2e

package wire

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// edgeUnderTest is what a story is played against.
type edgeUnderTest interface {
	Address() string
	Stop() (log string, err error)
}

// theatre has what all stories share.
type theatre struct {
	id    *testcert.Certificate
	dead  string // an address where nobody listens
	start func(dir, config string) (edgeUnderTest, error)

	patience time.Duration
}

func newTheatre(dir string, start func(dir, config string) (edgeUnderTest, error)) (*theatre, error) {
	id, err := testcert.New(dir, "wire.test")
	if err != nil {
		return nil, err
	}
	dead, err := testkit.Reserve()
	if err != nil {
		return nil, err
	}
	return &theatre{id: id, dead: dead, start: start, patience: patience}, nil
}

// placeholders are what stories write for what differs from run to run, or is
// too long to read. TOKEN and TOKEN2 are JWS, JWE is one; none is signed.
func (t *theatre) placeholders(upstream string) []string {
	encode := base64.RawURLEncoding.EncodeToString
	header := encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"1"}`))
	token := func(subject string) string {
		return header + "." + encode([]byte(`{"sub":"`+subject+`"}`)) + "." + encode([]byte("signature of "+subject))
	}
	jwe := encode([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)) + ".a2V5.aXY.Y2lwaGVydGV4dA.dGFn"
	return []string{
		"{UPSTREAM}", upstream, "{DEAD}", t.dead,
		"{CA}", t.id.CertFile, "{CERT}", t.id.CertFile, "{KEYFILE}", t.id.KeyFile,
		"{TOKEN}", token("alice"), "{TOKEN2}", token("bob"), "{JWE}", jwe,
	}
}

// told is what a story has come to.
type told struct {
	faults     []string // what differs from it
	transcript string   // what was on the wire
	seen       *seen    // nil: it could not be played
}

func untold(err error) *told { return &told{faults: []string{err.Error()}} }

// tell plays one story.
func (t *theatre) tell(dir string, outline *sections) *told {
	s := newStage(t.patience)
	defer s.timer.Stop()
	var secure *tls.Config
	if strings.Contains(outline.config, "https://{UPSTREAM}") {
		secure = t.id.Server()
	}
	up, err := newUpstream(s, secure)
	if err != nil {
		return untold(err)
	}
	defer up.Close()
	defer close(s.over)
	names := t.placeholders(up.Address)
	under, err := t.start(dir, strings.NewReplacer(names...).Replace(outline.config))
	if err != nil {
		return untold(err)
	}
	names = append(names, "{EDGE}", under.Address())
	story, err := outline.compile(strings.NewReplacer(names...))
	if err != nil {
		_, _ = under.Stop()
		return untold(err)
	}
	up.scripts, up.silent = story.answers, story.silent
	t.playClients(s, story, under.Address(), strings.Contains(outline.config, "{CERT}"))
	if err := s.await("the upstream's part to be over", up.finished); err != nil {
		s.fault("%v", err)
	}
	log, err := under.Stop()
	if err != nil {
		s.fault("%v", err)
	}
	if err := s.await("the edge's connections to end", s.allEnded); err != nil {
		s.fault("%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	faults, seen := append(s.faults, up.verdict()...), &seen{names: names, requests: up.requests()}
	for _, c := range s.clients {
		faults = append(faults, c.verdict()...)
		all, _, _ := c.responses()
		seen.responses = append(seen.responses, all)
	}
	wrong, access := checkLog(story, log)
	seen.access = access
	return &told{append(faults, wrong...), s.transcript(log), seen}
}

// playClients plays one connection after the other; one whose script begins
// with <after ...> starts at once and waits by itself.
func (t *theatre) playClients(s *stage, story *Story, address string, secure bool) {
	var config *tls.Config
	if secure {
		// In TLS 1.3 the type of a record is encrypted, so that close_notify could
		// not be told from data; see package raw.
		config = t.id.Client()
		config.MaxVersion = tls.VersionTLS12
	}
	var clients []*client
	for i, script := range story.clients {
		clients = append(clients, s.newClient(i+1, script))
	}
	waits := func(c *client) bool {
		return len(c.script.steps) > 0 && strings.HasPrefix(c.script.steps[0].verb, "after ")
	}
	for _, c := range clients {
		if waits(c) {
			go c.play(s, address, config)
		}
	}
	for _, c := range clients {
		if !waits(c) {
			c.play(s, address, config)
		}
	}
	if err := s.await("the clients' part to be over", func() bool {
		for _, c := range clients {
			if !c.done {
				return false
			}
		}
		return true
	}); err != nil {
		s.fault("%v", err)
	}
}

// secretRe is how secrets look in stories; none may be in the log.
var secretRe = regexp.MustCompile(`k3y-[A-Za-z0-9._~+/-]+|eyJ[A-Za-z0-9_-]{8,}`)

// checkLog wants exactly one access line for each exchange, in order, nothing
// that is no JSON (a panic, for example), and no secret. It returns those lines, too.
func checkLog(story *Story, log string) (faults []string, access []map[string]any) {
	for _, line := range contentLines(log) {
		entry, err := parseLogLine(line)
		if err != nil {
			faults = append(faults, fmt.Sprintf("log: a line that is no JSON: %q", line))
			continue
		}
		if entry["message"] == "exchange" {
			access = append(access, entry)
		}
	}
	if secret := secretRe.FindString(log); secret != "" {
		faults = append(faults, fmt.Sprintf("log: it contains the secret %q", secret))
	}
	want := len(story.log)
	if story.log == nil {
		for _, c := range story.clients {
			want += len(c.want)
		}
	}
	if len(access) != want {
		faults = append(faults, fmt.Sprintf("log.want: want %d access lines, got %d", want, len(access)))
	}
	for i := range min(len(access), len(story.log)) {
		if len(story.clients) > 1 {
			bringForward(story.log[i], access[i:])
		}
		for _, fault := range checkLogLine(story.log[i], access[i]) {
			faults = append(faults, fmt.Sprintf("log.want, line %d: %s", i+1, fault))
		}
	}
	return faults, access
}

// bringForward moves the first line that fits to the front: exchanges of
// several connections may end in any order.
func bringForward(want string, lines []map[string]any) {
	for i := range lines {
		if checkLogLine(want, lines[i]) == nil {
			lines[0], lines[i] = lines[i], lines[0]
			return
		}
	}
}

func parseLogLine(line string) (entry map[string]any, err error) {
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	err = decoder.Decode(&entry)
	return entry, err
}

// checkLogLine compares `key=value`, `key="value"`, `key=*` and `!key`.
func checkLogLine(want string, got map[string]any) (faults []string) {
	for rest := strings.TrimSpace(want); rest != ""; rest = strings.TrimSpace(rest) {
		var key, value string
		key, rest = cutPair(rest)
		key, value, _ = strings.Cut(key, "=")
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		if absent, ok := strings.CutPrefix(key, "!"); ok {
			if text(got[absent]) != "" {
				faults = append(faults, fmt.Sprintf("%s: want it absent, got %q", absent, text(got[absent])))
			}
			continue
		}
		if text(got[key]) == "" || !matches(value, text(got[key])) {
			faults = append(faults, fmt.Sprintf("%s: want %q, got %q", key, value, text(got[key])))
		}
	}
	return faults
}

// cutPair splits at the next space that is not within quotes.
func cutPair(line string) (pair, rest string) {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ' ' && !quoted:
			return line[:i], line[i:]
		}
	}
	return line, ""
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// transcript shows both sides of the wire for a person. The caller holds mu.
func (s *stage) transcript(log string) string {
	var b strings.Builder
	show := func(title string, data []byte) {
		fmt.Fprintf(&b, "-- %s --\n", title)
		const most = 4 << 10
		cut := data[:min(len(data), most)]
		for line := range strings.Lines(string(cut)) {
			fmt.Fprintf(&b, "  %s\n", strconv.Quote(line))
		}
		if len(cut) < len(data) {
			fmt.Fprintf(&b, "  ... %d bytes in all\n", len(data))
		}
	}
	for _, c := range s.clients {
		if c.socket != nil {
			show(fmt.Sprintf("client %d sent", c.number), c.sent)
			show(fmt.Sprintf("client %d received (then: %s)", c.number, c.end), c.in)
		}
	}
	for i, c := range s.conns {
		show(fmt.Sprintf("upstream connection %d received (then: %s)", i+1, c.end), c.in)
		show(fmt.Sprintf("upstream connection %d sent", i+1), c.sent)
	}
	show("log of the edge", []byte(log))
	return b.String()
}
