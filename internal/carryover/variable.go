package carryover

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

var (
	randomNumber = regexp.MustCompile(`^new (?:System\.)?Random\((?:context\.RequestId\.GetHashCode\(\))?\)\.Next\((?:(\d+),)?(\d+)\)$`)
	tokenText    = regexp.MustCompile(`^` + tokenOf + `$`)
)

// setVariable follows what apim-edge can follow: a text, a random number, a token.
func setVariable(p *policy) {
	name, a := p.attrText("name"), p.el.Attr("value")
	switch {
	case p.failed(Request):
		return
	case a == nil:
		p.refused(Request, "no value")
		return
	}
	v, folded := a.Value, apimpolicy.Fold(a.Value.Text)
	delete(p.variables, name)
	known := variable{}
	switch m := randomNumber.FindStringSubmatch(folded); {
	case v.Kind == apimpolicy.Literal:
		known.constant = &v
	case v.Kind == apimpolicy.Mixed:
		p.refused(Request, aMix)
		return
	case textOnly.MatchString(folded):
		known.constant = &apimpolicy.Value{Text: strings.Trim(folded, `"`)}
	case m != nil:
		known.random = []int{atoi(m[1]), atoi(m[2])}
	case tokenText.MatchString(folded) && len(p.tokens) > 0:
		known.policy = p.tokens[0]
	default:
		p.unknownVariable(name)
		return
	}
	p.variables[name] = known
	p.nothing(p.spot, "its value is followed to where it is used")
}

// unknownVariable lists a variable whose value is not followed. Where nobody reads it
// nothing is missing.
func (p *policy) unknownVariable(name string) {
	p.later(func() {
		if !p.read(name) {
			p.nothing(p.spot, "none of the documents that were given reads this variable")
			return
		}
		p.refused(Request, anExpression+"; what reads the variable is listed where it stands")
	})
}

// read reports whether any document but the statement itself names a variable.
func (p *policy) read(name string) bool {
	for _, doc := range p.documents() {
		text := doc.Source(doc.Root.Begin, doc.Root.End)
		if doc == p.doc {
			text = doc.Source(doc.Root.Begin, p.el.Begin) + doc.Source(p.el.End, doc.Root.End)
		}
		if strings.Contains(text, `"`+name+`"`) || strings.Contains(text, "&quot;"+name+"&quot;") {
			return true
		}
	}
	return false
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text) //nolint:errcheck // 0 is what is not said
	return n
}
