//go:build e2e

package migration

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/lookalike"
)

// TestTheWayOut: the owner of three legacy APIs runs the doctor, starts the edge from what
// it wrote, lives with it for a month of mixed callers, reads in the report who holds it up,
// has them move one after the other, each API by another of the three ways, proves the
// routes, exports one, and switches the edge off. Then everybody still gets through.
func TestTheWayOut(t *testing.T) {
	s := open(t)
	s.theFirst401()
	s.startFromTheDoctor()
	s.aMonth()
	s.theyMove()
	s.aQuietMonth()
	s.export()
	s.switchedOff()
}

// open sets the stage: nothing of apim-edge is there yet.
func open(t *testing.T) *stage {
	s := &stage{T: t, dir: t.TempDir(), callers: callers()}
	s.apis = map[string]*api{
		"openai": startAPI(t, lookalike.Options{PrimaryKey: shopKey, OtherKeys: []string{searchKey, booksKey, portalKey}}),
		"tokens": startAPI(t, lookalike.Options{RequireToken: true, Tokens: []string{notesToken, agentToken}}),
		"batch":  startAPI(t, lookalike.Options{PrimaryKey: nightlyKey, OtherKeys: []string{archiveKey}}),
	}
	s.edge = &edge.Edge{Binary: edge.Built, Config: s.path("edge.yaml")}
	for name, value := range map[string]string{
		"APIM_EDGE__LISTEN__ADDRESS": "127.0.0.1:0", "APIM_EDGE__ADMIN__ADDRESS": "127.0.0.1:0",
		"APIM_KEY": shopKey, "BATCH_KEY": nightlyKey, "TOKEN": notesToken,
	} {
		t.Setenv(name, value)
	}
	t.Cleanup(func() {
		if s.edge.Exited() != nil && !s.edge.Gone() {
			s.edge.Kill()
		}
	})
	return s
}

// theFirst401: without the edge those fail who need it, and no others. The doctor knows
// what they see.
func (s *stage) theFirst401() {
	for name, c := range s.callers {
		status, body := c.ask(s.T, s.apis[c.route].url)
		want := http.StatusOK
		if c.needs {
			want = http.StatusUnauthorized
		}
		if status != want {
			s.Fatalf("before the edge %s gets %d, want %d: %s", name, status, want, body)
		}
		if c.needs {
			s.run(0, "doctor", "--error", strconv.Itoa(status)+" "+body)
		}
	}
}

// startFromTheDoctor: the doctor writes the configuration of the first API. Its owner gives
// the census a file, and adds the two other APIs.
func (s *stage) startFromTheDoctor() {
	s.run(0, "doctor", "--upstream", s.apis["openai"].url, "--key", "env:APIM_KEY", "--write", "edge.yaml")
	s.run(0, "check", "--strict", "edge.yaml")
	s.write("census.key", "any text that nobody can guess")
	written := s.read("edge.yaml")
	for _, change := range [][2]string{
		{"# file: /var/lib/apim-edge/census.jsonl", "file: " + s.path("census.jsonl")},
		{"# key: file:/etc/apim-edge/census.key", "key: file:" + s.path("census.key")},
		{"upstreams:\n", "upstreams:\n  service: {url: " + s.apis["tokens"].url + "}\n  jobs: {url: " + s.apis["batch"].url + "}\n"},
		{"routes:\n", "routes:\n  tokens: {path_prefix: /tokens, strip_prefix: /tokens, upstream: service}\n" +
			"  batch: {path_prefix: /batch, strip_prefix: /batch, upstream: jobs}\n"},
	} {
		if strings.Count(written, change[0]) != 1 {
			s.Fatalf("what the doctor wrote has not one %q:\n%s", change[0], written)
		}
		written = strings.Replace(written, change[0], change[1], 1)
	}
	s.write("edge.yaml", written)
	s.run(0, "check", "--strict", "edge.yaml")
	s.run(0, "doctor", "--upstream", s.apis["tokens"].url, "--token", "env:TOKEN")
}

// aMonth: at its end the report names those who hold the edge up.
func (s *stage) aMonth() {
	s.run(1, "report", "census.jsonl")
	s.until(1)
	if r := s.report(3); r.Verdict != "needed" {
		s.Errorf("on the first day the report says %q", r.Summary)
	}
	s.until(30)
	s.begin()
	live := s.run(3, "report", "--config", "edge.yaml", "http://"+s.edge.AdminAddress())
	if want := "**The edge is still needed: 5 callers would fail without it, 3 would not.**"; !strings.Contains(live, want) {
		s.Errorf("the edge itself does not report %q:\n%s", want, live)
	}
	s.end()
	s.named(3, 30)
	proof := s.run(3, "report", "census.jsonl", "--config", "edge.yaml", "--prove", "openai", "--key", "env:APIM_KEY")
	for _, want := range []string{
		"| v1 chat/completions, Authorization: Bearer a key | refused | 401 key\\_missing",
		"| legacy embeddings, api-key: a key | accepted |",
	} {
		if !strings.Contains(proof, want) {
			s.Errorf("the proof does not say %q:\n%s", want, proof)
		}
	}
}

// named wants the report to name those who have needed the edge in so many days.
func (s *stage) named(code, days int) (r report) {
	s.Helper()
	r = s.report(code, "--days", strconv.Itoa(days))
	if got, want := r.holdUp(), s.reallyHoldUp(days); !slices.Equal(got, want) {
		s.Errorf("day %d: the report over %d days names %q, want %q", s.day, days, got, want)
	}
	return r
}

// theyMove: by way 1 the callers of openai, one after the other; by tokens that of tokens;
// and by way 2 the API behind batch, after which one caller has to follow.
func (s *stage) theyMove() {
	for _, name := range []string{"shop", "search", "books", "notes"} {
		s.callers[name].move()
		s.until(s.day + 3)
		s.named(3, 3)
		s.named(3, 30)
	}
	s.renameTheKeyField()
	s.until(s.day + 3)
	s.named(3, 3)
	s.named(3, 30)
	s.callers["archive"].move()
	s.until(s.day + 1)
	s.run(0, "report", "census.jsonl", "--config", "edge.yaml", "--days", "1", "--prove", "batch", "--key", "env:BATCH_KEY")
	s.callers["nightly"].away, s.callers["archive"].away = true, true
}

var (
	fieldOfChange  = regexp.MustCompile(`"header":"([\w-]+)"`)
	prefixOfChange = regexp.MustCompile(`"primaryKey":"([^"]*)KEY"`)
)

// renameTheKeyField does to the API what the report says, and turns the route around.
func (s *stage) renameTheKeyField() {
	r := s.named(3, 30)
	at := slices.IndexFunc(r.Routes, func(r route) bool { return r.Route == "batch" })
	change := r.Routes[at].Changes[0].Text
	header, prefix := fieldOfChange.FindStringSubmatch(change), prefixOfChange.FindStringSubmatch(change)
	if header == nil || prefix == nil {
		s.Fatalf("the report does not say how to change the API of batch: %s", change)
	}
	s.apis["batch"].becomes(lookalike.Options{KeyField: header[1], PrimaryKey: prefix[1] + nightlyKey, OtherKeys: []string{prefix[1] + archiveKey}})
	s.callers["nightly"].needs, s.callers["archive"].needs = false, true
	s.callers["nightly"].lastNeed = 0 // what it sends is what the API now wants
	s.write("edge.yaml", strings.Replace(s.read("edge.yaml"), "upstream: jobs}",
		`upstream: jobs, credential: {header: `+header[1]+`, value: "`+prefix[1]+`{key}"}}`, 1))
}

// aQuietMonth: nobody needs the edge for 30 days, and of one route nobody comes any more.
func (s *stage) aQuietMonth() {
	last := 0
	for _, c := range s.callers {
		last = max(last, c.lastNeed)
	}
	s.until(last + 29)
	s.named(3, 30)
	s.until(last + 30)
	r := s.named(0, 30)
	if want := "Nobody has needed the edge for 30 days."; !strings.HasPrefix(r.Summary, want) {
		s.Errorf("the report says %q, want %q", r.Summary, want)
	}
	s.until(last + 31) // the last day of batch was one on which nobody needed the edge
	r = s.named(0, 30)
	whys := map[string]string{}
	for _, route := range r.Routes {
		whys[route.Route] = route.Why
	}
	if want := "no caller of this route for 30 days"; !strings.HasPrefix(whys["batch"], want) {
		s.Errorf("of batch the report says %q, want %q", whys["batch"], want)
	}
	if want := "4 callers came in the last 30 days, and none of them needed the edge"; !strings.HasPrefix(whys["openai"], want) {
		s.Errorf("of openai the report says %q, want %q", whys["openai"], want)
	}
	proof := s.run(0, "report", "census.jsonl", "--config", "edge.yaml", "--prove", "openai", "--key", "env:APIM_KEY")
	if want := "- [x] Of 4 shapes of route openai, 4 were accepted without the edge."; !strings.Contains(proof, want) {
		s.Errorf("the proof does not say %q:\n%s", want, proof)
	}
	s.run(0, "report", "census.jsonl", "--config", "edge.yaml", "--prove", "tokens", "--token", "env:TOKEN")
}

// export: the route as a policy, which import reads again, and export writes again. What
// import does not carry over is a thing that the edge does by itself.
func (s *stage) export() {
	s.run(0, "export", "openai", "--to", "apim", "--config", "edge.yaml", "--write", "openai.xml")
	list := s.run(3, "import", "--global", "none", "--api", "openai=openai.xml", "--key-header", "api-key",
		"--upstream", s.apis["openai"].url, "--write", "back.yaml")
	if !strings.Contains(list, "NOT CARRIED OVER (1)") || !strings.Contains(list, `<set-header name="Authorization" exists-action="delete">`) {
		s.Errorf("import does not carry over:\n%s", list)
	}
	if got, want := s.run(0, "export", "openai", "--to", "apim", "--config", "back.yaml"), s.read("openai.xml"); got != want {
		s.Errorf("the second export differs from the first:\n%s\nwant\n%s", got, want)
	}
}

// switchedOff: the edge has gone, and each caller gets through at its API. Nothing that is
// left has a secret in it.
func (s *stage) switchedOff() {
	for name, c := range s.callers {
		if status, body := c.ask(s.T, s.apis[c.route].url); status != http.StatusOK {
			s.Errorf("without the edge %s gets %d: %s", name, status, body)
		}
	}
	left := s.edge.Log()
	files, err := os.ReadDir(s.dir)
	if err != nil {
		s.Fatal(err)
	}
	for _, f := range files {
		left += s.read(f.Name())
	}
	for _, secret := range []string{"month1", "bW9udGg"} {
		if strings.Contains(left, secret) {
			s.Errorf("a secret with %q in it is in the log or in a file", secret)
		}
	}
}
