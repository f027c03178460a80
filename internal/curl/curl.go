// Package curl reads command lines of curl as people paste them: from the shell,
// cmd.exe or PowerShell, from what browsers copy, from documentation, behind a
// pipe or in a script. It says which requests curl would send, with the fields
// that curl adds by itself, and sends nothing.
//
// What it does not understand is an error that names it: a request that was read
// wrong would get a verdict that is wrong. What it had to assume is in the notes.
// Neither quotes a value: it could be a secret.
//
// A value that the text does not say ($TOKEN, %TOKEN%, a command's output) stays a
// variable in the request, until Head is told what it is.
package curl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// A Command is one curl command: its words, without the word curl.
type Command struct {
	Words []string
	// Stdin is what -d @- and its like read; nil: not known.
	Stdin *string
	// Notes are what had to be assumed to read it.
	Notes []string
	// Bare leaves out the fields that curl adds by itself, and needs no host.
	Bare bool
}

// A Request is what curl sends for one URL. Its texts can hold variables.
type Request struct {
	Method, Target string
	Fields         []Field
	Notes          []string
	http10         bool
}

// Field is one line of the head.
type Field struct{ Name, Value string }

// Every text may hold variables: the name between two bytes that neither an
// argument of a program nor a line of a head can contain.
const mark = "\x00"

// Variable is how a value that is not known stands in a word.
func Variable(name string) string { return mark + name + mark }

// fill replaces the variables of a text.
func fill(text string, value func(name string) string) string {
	parts := strings.Split(text, mark)
	for i := 1; i < len(parts); i += 2 {
		parts[i] = value(parts[i])
	}
	return strings.Join(parts, "")
}

// Variables returns the variables of texts, each once.
func variables(texts ...string) (names []string) {
	for _, t := range texts {
		fill(t, func(name string) string {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			return ""
		})
	}
	return names
}

// Variables returns the names of the variables in the head, each once.
func (r *Request) Variables() []string {
	texts := []string{r.Method, r.Target}
	for _, f := range r.Fields {
		texts = append(texts, f.Name, f.Value)
	}
	return variables(texts...)
}

// Field returns the value of the first field of a name, and whether there is one.
func (r *Request) Field(name string) (value string, ok bool) {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return "", false
}

// Head returns the head as curl would send it; value says what the variables are.
func (r *Request) Head(value func(name string) string) []byte {
	version := "1.1"
	if r.http10 {
		version = "1.0"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\n", r.Method, r.Target, version)
	for _, f := range r.Fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	return []byte(fill(b.String()+"\r\n", value))
}

// check refuses what cannot stand in a head as it is.
func (r *Request) check() error {
	if r.Method == "" || strings.ContainsAny(r.Method+r.Target, " \t\r\n") {
		return errors.New("the URL or the method is empty or contains a space or a line end")
	}
	for _, f := range r.Fields {
		if strings.ContainsAny(f.Name+f.Value, "\r\n") {
			return errors.New("a field contains a line end; write each field with a -H of its own")
		}
	}
	return nil
}

// maxFile bounds what is read of the files that a command names.
const maxFile = 256 << 20

// read returns what @name stands for: a file, or standard input. why says why it is
// not known.
func (c *Command) read(name string) (text, why string) {
	if name == "-" {
		if c.Stdin == nil {
			return "", "standard input is not known here"
		}
		return *c.Stdin, ""
	}
	if len(variables(name)) > 0 {
		return "", "the name of a file holds a variable"
	}
	// Before it is opened: to open a pipe would wait for whoever writes to it.
	if info, err := os.Stat(name); err == nil && (!info.Mode().IsRegular() || info.Size() > maxFile) {
		return "", "what it names is no file of a usual size"
	}
	f, err := os.Open(name)
	if err != nil {
		return "", "a file that it names cannot be read here"
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return "", "a file that it names cannot be read here"
	}
	return strings.ReplaceAll(string(data), mark, ""), ""
}
