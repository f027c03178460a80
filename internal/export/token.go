package export

import (
	"regexp"
	"strings"
)

// A program that cannot decode base64url knows a token by its text: `"alg":`, or `"alg" :`,
// reads in base64url in one of three ways, depending on where in a group of three bytes
// it begins. So the first part of a token is groups of four characters, and then one of
// these. The header's first byte is {, which is e and one of w-z, 0-9, - and _.
const (
	algRun = `(?:ImFsZyI[6g]|[A-Za-z0-9_-][CSiy]JhbGci(?:O[g-v]|I[A-P])|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048]iYWxnI(?:j[o-r]|i[A-D]))`
	// tokenRest is a token, whose beginning is looked at apart: three parts or five.
	tokenRest  = `(?:[A-Za-z0-9_-]{4})*` + algRun + `[A-Za-z0-9_-]*=*` + tokenParts
	tokenParts = `(?:[.][^.,&%[:blank:]]*){2}(?:(?:[.][^.,&%[:blank:]]*){2})?`
	tokenStart = `e[w-z0-9_-]`
	// token is for engines that can look ahead.
	token = `(?=` + tokenStart + `)` + tokenRest
)

// anyOf is an alternation of texts that are taken as they are.
func anyOf(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = regexp.QuoteMeta(s)
	}
	return strings.Join(quoted, "|")
}
