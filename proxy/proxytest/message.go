package proxytest

import (
	"strconv"
	"strings"
)

// Message is one request or response.
type Message struct {
	First   string // request line or status line
	Fields  [][2]string
	Body    string   // without its framing
	Trailer []string // the lines of the trailer section
}

// Status returns the status code of a response, or 0.
func (m Message) Status() int {
	if len(m.First) < 12 {
		return 0
	}
	n, _ := strconv.Atoi(m.First[9:12])
	return n
}

// Get returns the values of the fields of a name in one text.
func (m Message) Get(name string) string {
	var values []string
	for _, f := range m.Fields {
		if strings.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return strings.Join(values, " | ")
}

// CRLF returns text with its line ends made CRLF.
func CRLF(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
