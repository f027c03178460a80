package apimpolicy

import "strings"

// Fold returns what an expression says, in one spelling: without @( and ), without the
// return of one that is nothing else, without white space and comments outside texts,
// and without brackets around the whole. Two expressions that fold to the same text do
// the same.
func Fold(expression string) string {
	inner := strings.TrimSpace(expression)
	statements := strings.HasPrefix(inner, "@{")
	if len(inner) < 3 || !strings.HasPrefix(inner, "@(") && !statements {
		return inner
	}
	text := squeeze(code(inner[2 : len(inner)-1]))
	if statements {
		rest, found := strings.CutPrefix(text, "return")
		rest, ended := strings.CutSuffix(rest, ";")
		if !found || !ended || strings.Contains(rest, ";") || rest == "" {
			return "{" + text + "}"
		}
		text = strings.TrimPrefix(rest, " ")
	}
	for wrapped(text) {
		text = strings.TrimSpace(text[1 : len(text)-1]) // squeeze leaves a blank behind $, which may be the last one
	}
	return text
}

// wrapped reports whether one pair of brackets is around the whole text.
func wrapped(text string) bool {
	return strings.HasPrefix(text, "(") && code(text).block(1, '(', ')', 0) == len(text)
}

// squeeze takes out white space and comments, save a blank where two words would
// become one.
func squeeze(c code) string {
	var out strings.Builder
	gap := false
	for i := 0; i < len(c); {
		if blank(c[i]) {
			gap = true
			i++
			continue
		}
		after, skipped := c.skip(i, 0)
		if after < 0 {
			after = len(c)
		}
		if skipped && c[i] == '/' {
			gap, i = true, after
			continue
		}
		if !skipped {
			after = i + 1
		}
		if gap && out.Len() > 0 && apart(out.String()[out.Len()-1], c[i]) {
			out.WriteByte(' ')
		}
		gap = false
		out.Write(c[i:after])
		i = after
	}
	return out.String()
}

// apart reports whether two characters mean something else side by side.
func apart(a, b byte) bool { return wordy(a) && wordy(b) || strings.IndexByte("/@$", a) >= 0 }

func wordy(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// Masked returns an expression in which texts are ***, save those that names are given
// by: what is compared with or sent may be a secret.
func Masked(expression string) string {
	c := code(expression)
	var out strings.Builder
	for i := 0; i < len(c); {
		after, skipped := c.skip(i, 0)
		switch {
		case after < 0:
			return out.String() + "***"
		case !skipped:
			out.WriteByte(c[i])
			after = i + 1
		case c[i] == '/' || namesSomething(out.String()) || harmless[string(c[i:after])]:
			out.WriteString(plain(string(c[i:after])))
		case after > i+1:
			out.WriteString(`"***"`)
		default:
			out.Write(c[i:after])
		}
		i = after
	}
	return out.String()
}

// plain leaves a comment out: people write keys into them as well.
func plain(text string) string {
	if strings.HasPrefix(text, "/") {
		return ""
	}
	return text
}

// namesSomething reports whether what comes next is the name of a field, a variable, a
// parameter or a claim.
func namesSomething(before string) bool {
	before = strings.TrimRight(before, " \t\r\n")
	for _, call := range []string{"GetValueOrDefault(", "ContainsKey(", "Variables[", "Headers[", "MatchedParameters[", "Groups[", "Claims["} {
		if strings.HasSuffix(before, call) {
			return true
		}
	}
	i := strings.LastIndexByte(before, '<')
	return i > 0 && strings.HasSuffix(before[:i], "GetValueOrDefault") && strings.HasSuffix(before, ">(")
}

// harmless are texts that are no secret wherever they stand.
var harmless = func() map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields("GET HEAD POST PUT PATCH DELETE OPTIONS Bearer bearer Basic true false") {
		all[`"`+word+`"`], all[`"`+word+` "`] = true, true
	}
	all[`""`], all[`","`], all[`"/"`], all[`" "`], all["' '"], all["'/'"], all["','"] = true, true, true, true, true, true, true
	return all
}()
