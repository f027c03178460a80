// Package option is how whoever owns options speaks of mistakes in them: at which key,
// what is wrong, and what to write. Where the key stands in a file is added by whoever
// has read the file.
package option

import (
	"errors"
	"regexp"
	"strconv"
)

// Fault is one mistake.
type Fault struct {
	// Key is the option as the configuration spells it, an element by its position:
	// aliases[2].
	Key string
	// Found is the value, where it may be shown: people paste keys in odd places.
	Found string
	// Text says what is wrong with the value. Want says what may stand there, where
	// that is all there is to say. One of the two is set.
	Text, Want string
	// Meant is a likely correction, or empty.
	Meant string
}

// Error implements error.
func (f Fault) Error() string {
	text := f.Key + ": "
	if f.Found != "" {
		text += "found " + Show(f.Found) + ", "
	}
	switch {
	case f.Want != "":
		text += "want " + f.Want
	case f.Found != "":
		text += "but " + f.Text
	default:
		text += f.Text
	}
	if f.Meant != "" {
		text += "; did you mean " + strconv.Quote(f.Meant) + "?"
	}
	return text
}

// Faults are all mistakes of some options, in the order of their keys.
type Faults []Fault

// Add adds what is wrong with a value.
func (f *Faults) Add(key, found, text string) {
	*f = append(*f, Fault{Key: key, Found: found, Text: text})
}

// Want adds what may stand in place of a value.
func (f *Faults) Want(key, found, want, meant string) {
	*f = append(*f, Fault{Key: key, Found: found, Want: want, Meant: meant})
}

// Err returns one error of all faults, or nil.
func (f Faults) Err() error {
	var errs []error
	for _, one := range f {
		errs = append(errs, one)
	}
	return errors.Join(errs...)
}

// Element returns the key of element i below parent.
func Element(parent string, i int) string { return parent + "[" + strconv.Itoa(i) + "]" }

var plain = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Child returns the key of name below parent. Names that are no words are quoted, since
// the key ends in a line of text.
func Child(parent, name string) string {
	if !plain.MatchString(name) {
		name = Show(name)
	}
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// Show quotes what an operator wrote, so that it stays on one line.
func Show(text string) string {
	const most = 200
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return strconv.Quote(text)
}
