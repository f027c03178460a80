package rewrite

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

const (
	key      = "0123456789abcdef0123456789abcdef"
	otherKey = "fedcba9876543210fedcba9876543210"
)

// Tokens are put together here: a JWS and a JWE with headers as Entra writes
// them. Nothing in them is signed.
var (
	token      = compact(`{"typ":"JWT","alg":"RS256","x5t":"abc","kid":"abc"}`, 3)
	otherToken = compact(`{"typ":"JWT","alg":"PS256","kid":"def"}`, 3)
	jwe        = compact(`{"alg":"RSA-OAEP","enc":"A256GCM"}`, 5)
)

// compact returns a JOSE header in compact form with that many parts.
func compact(header string, parts int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + strings.Repeat(".c2VjcmV0", parts-1)
}

// parseHead reads a head written as one field per line. A line that begins
// with a question mark is the query.
func parseHead(head string) (fields []Field, query []byte) {
	for line := range strings.SplitSeq(head, "\n") {
		line = strings.TrimLeft(line, "\t")
		if raw, ok := strings.CutPrefix(line, "?"); ok {
			query = []byte(raw)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if ok {
			fields = append(fields, Field{[]byte(name), []byte(strings.Trim(value, " \t"))})
		}
	}
	return fields, query
}

// upstream returns what goes upstream for a head: the field lines that are not
// governed, then those of the decision, then the query; one per line.
func upstream(p *Policy, d *Decision, fields []Field, query []byte) string {
	var out []byte
	for _, f := range fields {
		if !p.Takes(&f) {
			out = append(out, string(f.Name)+": "+string(f.Value)+"\r\n"...)
		}
	}
	out = p.AppendFields(out, d, fields)
	if d.Rejected() {
		return string(out)
	}
	if rest, _ := p.AppendQuery(nil, query); len(rest) > 0 {
		out = append(out, "?"+string(rest)+"\r\n"...)
	}
	return string(bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n")))
}

func mustPolicy(t testing.TB, o Options) *Policy {
	t.Helper()
	p, err := NewPolicy(o)
	if err != nil {
		t.Fatalf("NewPolicy(%+v): %v", o, err)
	}
	return p
}

// decisionCase is one row of a test of decisions.
type decisionCase struct {
	name    string
	options Options
	head    string
	reason  string
	want    string // upstream, each line with its end; empty where refused
	notes   string
}

func runDecisions(t *testing.T, cases []decisionCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			p := mustPolicy(t, tc.options)
			fields, query := parseHead(tc.head)
			d := p.Decide(fields, query)
			got := upstream(p, &d, fields, query)
			if d.Rejected() {
				got = ""
			}
			if d.Reason.String() != tc.reason || got != tc.want || d.Notes.String() != tc.notes {
				t.Errorf("head:\n%s\ngot  reason %s, notes %q, problem %q, upstream:\n%s\nwant reason %s, notes %q, upstream:\n%s",
					tc.head, d.Reason, d.Notes, d.Problem, got, tc.reason, tc.notes, tc.want)
			}
			if d.Rejected() != d.Reason.Rejects() {
				t.Errorf("Rejected() = %v, but reason %s says %v", d.Rejected(), d.Reason, d.Reason.Rejects())
			}
		})
	}
}
