package config

import "strings"

// URLFault says what is wrong with a URL of an upstream, or nothing.
func URLFault(url string) string {
	fault, _ := urlFault(url)
	return fault
}

// PrefixFault says what is wrong with a path_prefix, or nothing.
func PrefixFault(prefix string) string {
	fault, _ := prefixFault(prefix)
	for segment := range strings.SplitSeq(prefix, "/") {
		if fault == "" && strings.HasSuffix(segment, ".") {
			fault = "a path prefix has no dot at the end of a segment, which some servers drop"
		}
	}
	return fault
}

// Expands reports whether a text looks like a variable of a shell, which a file may not
// have.
func Expands(text string) bool { return expanding.MatchString(text) }
