package token

import (
	"slices"
	"strings"
	"time"
)

// shown are the members whose values explain something and are nobody's secret. What says
// who somebody is stays masked.
var shown = strings.Fields("alg enc typ cty kid zip iss aud exp nbf iat ver tid azp appid azpacr appidacr scp scope roles idtyp")

// Describe returns the members of a token, one line each, masked. Nothing of it is
// verified. An encrypted token is opened if the policy has the key.
func (p *Policy) Describe(text string, now time.Time) (lines []string) {
	x := &examination{p: p, text: text, now: now}
	if x.form() != nil {
		return nil
	}
	outer, _, _ := strings.Cut(text, ".")
	lines = describe("header", decode(outer), lines)
	if x.encryption() != nil {
		return lines
	}
	head, rest, _ := strings.Cut(x.jws, ".")
	payload, _, _ := strings.Cut(rest, ".")
	if x.encrypted {
		lines = describe("inner header", decode(head), lines)
	}
	return describe("claims", decode(payload), lines)
}

func describe(part string, data []byte, lines []string) []string {
	o, ok := readObject(data)
	if !ok {
		return append(lines, part+": not a JSON object that can be read in one way")
	}
	var names []string
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lines = append(lines, part+" "+printableName(name)+": "+o.describe(name))
	}
	return lines
}

func (o object) describe(name string) string {
	if !slices.Contains(shown, name) {
		return "***"
	}
	switch name {
	case "exp", "nbf", "iat":
		if at, ok := instant(o[name]); ok {
			return time.Unix(at, 0).UTC().Format(time.RFC3339)
		}
	}
	list, ok := values(o[name], "")
	if !ok {
		return "***"
	}
	text := strings.Join(list, ", ")
	if len(text) > 200 || !printable(text) {
		return "***"
	}
	return text
}

// printableName keeps what is no name out of a terminal.
func printableName(name string) string {
	if len(name) > 64 || !printable(name) {
		return "***"
	}
	return name
}
