package rewrite

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// policies are the configurations under which the properties are checked.
var policies = []Options{
	{},
	{RejectConflict: true},
	{KeepMisplacedToken: true},
	{KeepMisplacedToken: true, RejectConflict: true},
	{KeepAuthorization: true},
	{KeepAuthorization: true, KeepMisplacedToken: true},
	{RejectMissing: true},
	{Value: "Bearer {key}"},
	{Header: "Authorization", Value: "Bearer {key}"},
	{Header: "Authorization", Value: "Bearer {key}", KeepMisplacedToken: true},
	{Header: "Authorization", Value: "Bearer {key}", RejectConflict: true},
	{Header: "authorization", Value: "Key {key}"},
}

// TestEveryCombination checks the properties for every value of Authorization,
// target field, alias, query and subprotocol under every policy: 176,400 heads.
func TestEveryCombination(t *testing.T) {
	authorizations := []string{"", "Authorization:", "Authorization: Bearer EMPTY", "Authorization: Bearer key-1", "Authorization: Bearer key-2",
		"Authorization: Bearer " + token, "Authorization: bearer " + otherToken, "Authorization: Bearer Bearer key-1", "Authorization: Bearer Bearer " + token,
		"Authorization: Basic abc"}
	slots := []string{"", "EMPTY", "key-1", "key-2", token, otherToken, "Bearer " + token}
	queries := []string{"", "EMPTY", "key-1", "%6bey-2", token, otherToken}
	subprotocols := []string{"", "realtime", "realtime, " + keySubprotocol + "EMPTY", keySubprotocol + "key-2, realtime", keySubprotocol + otherToken}
	line := func(name, separator, value string) string {
		if value == "" {
			return ""
		}
		return "\n" + name + separator + value
	}
	for i, o := range policies {
		p := mustPolicy(t, o)
		for _, authorization := range authorizations {
			for _, target := range slots {
				for _, alias := range slots {
					slot := authorization + line("api-key", ": ", target) + line("Ocp-Apim-Subscription-Key", ": ", alias)
					for _, query := range queries {
						for _, subprotocol := range subprotocols {
							head := slot + line("?a=1&subscription-key", "=", query) + line("Sec-WebSocket-Protocol", ": ", subprotocol)
							if err := checkProperties(p, head); err != nil {
								t.Fatalf("policy %d %+v\nhead:\n%s\n%v", i, o, head, err)
							}
						}
					}
				}
			}
		}
	}
}

// seen are the credentials of one kind in a head, in order, each once.
type seen struct{ keys, tokens []string }

func (s *seen) add(value []byte, isTok bool) {
	list := &s.keys
	if isTok {
		list = &s.tokens
	}
	for _, known := range *list {
		if known == string(value) {
			return
		}
	}
	*list = append(*list, string(value))
}

// credentials reads a head anew, without the code under test where possible.
func credentials(p *Policy, fields []Field, query []byte) (all seen, otherScheme bool) {
	read := func(name string, value []byte) {
		bare, bearer := afterBearer(value)
		if again, ok := afterBearer(bare); bearer && ok {
			bare = again
		}
		switch {
		case p.placeholder(bare):
		case strings.EqualFold(name, "Authorization") && !bearer:
			otherScheme = true
		default:
			all.add(bare, isToken(bare) && scan(bare) == 0)
		}
	}
	for _, f := range fields {
		switch {
		case strings.EqualFold(string(f.Name), "Sec-WebSocket-Protocol"):
			for member := range strings.SplitSeq(string(f.Value), ",") {
				member = strings.Trim(member, " \t")
				if n := len(keySubprotocol); len(member) >= n && lowerASCII(member[:n]) == keySubprotocol {
					read("subprotocol", []byte(member[n:]))
				}
			}
		case p.find(f.Name) >= 0:
			read(string(f.Name), f.Value)
		}
	}
	for parameter := range bytes.SplitSeq(query, []byte("&")) {
		name, raw := cutParameter(parameter)
		if value, ok := decodeValue(raw); ok && p.param(name) >= 0 {
			read("query", value)
		}
	}
	return all, otherScheme
}

// checkProperties decides on a head and returns which property is broken.
func checkProperties(p *Policy, head string) error {
	fields, query := parseHead(head)
	d := p.Decide(fields, query)
	if text := d.Reason.String(); text == "" || d.Rejected() != d.Reason.Rejects() || d.Rejected() != (d.Problem.String() != "") {
		return fmt.Errorf("reason %q, rejected %v, problem %q", text, d.Rejected(), d.Problem)
	}
	lines := p.AppendFields(nil, &d, fields)
	if d.Rejected() {
		if len(lines) > 0 || d.Key != nil || d.Token != nil || d.KeepAuthorization || d.KeepSlot {
			return fmt.Errorf("a refused request sends something: %+v, lines %q", d, lines)
		}
		return nil
	}
	rest, changed := p.AppendQuery(nil, query)
	if changed != d.Notes.Has(QueryKey) {
		return fmt.Errorf("query changed %v, notes %s", changed, d.Notes)
	}
	sent, err := parseLines(p, lines)
	if err != nil {
		return err
	}
	if err := checkKinds(p, fields, query, sent, rest); err != nil {
		return fmt.Errorf("%w: reason %s, lines %q", err, d.Reason, lines)
	}
	return checkRepeats(p, &d, sent, rest)
}

// parseLines reads what AppendFields wrote as a strict parser would.
func parseLines(p *Policy, lines []byte) (sent []Field, err error) {
	names := map[int]bool{}
	for len(lines) > 0 {
		line, rest, ok := bytes.Cut(lines, []byte("\r\n"))
		name, value, colon := bytes.Cut(line, []byte(": "))
		at := p.find(name)
		switch {
		case !ok || !colon || at < 0:
			return nil, fmt.Errorf("line %q is not a governed field line", line)
		case names[at] && at != p.subprotocol:
			return nil, fmt.Errorf("field %q goes upstream twice", name)
		case scan(value)&foundForbidden != 0:
			return nil, fmt.Errorf("line %q has a control character", line)
		}
		names[at] = true
		sent = append(sent, Field{name, value})
		lines = rest
	}
	return sent, nil
}

// checkKinds: never two credentials of one kind, none that the client did not
// send, and none lost that is the only one of its kind.
func checkKinds(p *Policy, fields []Field, query []byte, sent []Field, rest []byte) error {
	before, otherScheme := credentials(p, fields, query)
	shared := p.target == authorizationPlace
	if shared && p.prefix == "" {
		return nil // a bare key in Authorization reads as another scheme
	}
	after, _ := credentials(p, sent, rest)
	if len(after.keys) > 1 || len(after.tokens) > 1 {
		return fmt.Errorf("two credentials of one kind")
	}
	for _, value := range append(after.keys, after.tokens...) {
		if !strings.Contains(strings.Join(append(before.keys, before.tokens...), "\n"), value) {
			return fmt.Errorf("credential %q came from nowhere", value)
		}
	}
	if shared || p.keepMisplacedToken || otherScheme {
		return nil // one field for two kinds: one of them may have to go
	}
	if len(before.keys) == 1 && len(after.keys) == 0 || len(before.tokens) == 1 && len(after.tokens) == 0 {
		return fmt.Errorf("the only credential of its kind is lost")
	}
	return nil
}

// checkRepeats: what goes upstream, sent through the edge again, comes out the
// same. It shows that the upstream cannot read the head in another way. What is
// left of the subprotocols is no longer the policy's.
func checkRepeats(p *Policy, first *Decision, sent []Field, rest []byte) error {
	var lines []byte
	for _, f := range sent {
		if p.Takes(&f) {
			lines = fmt.Appendf(lines, "%s: %s\r\n", f.Name, f.Value)
		}
	}
	if p.prefix != "" && bytes.ContainsAny(first.Key, " ") {
		return nil // a key with a space is malformed after Bearer
	}
	second := p.Decide(sent, rest)
	if again := p.AppendFields(nil, &second, sent); !bytes.Equal(again, lines) {
		return fmt.Errorf("first %s: %q, second %s %s: %q", first.Reason, lines, second.Reason, second.Problem, again)
	}
	return nil
}
