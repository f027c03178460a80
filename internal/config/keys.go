package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Key joins the parts of a dotted key, as Overrides wants it:
// Key("upstreams", "legacy", "url").
func Key(parts ...string) string { return strings.Join(parts, ".") }

// names are what upstreams and routes may be called. Lower case and no dots:
// they are parts of dotted keys, of environment variables, and metric labels. Those of
// models (names:"any") are not ours to choose.
var names = regexp.MustCompile(`^[a-z0-9]+([_-][a-z0-9]+)*$`)

const nameWanted = "a name of lower-case letters and digits with single - or _ in between"

// freeName reports whether a name may be one that others have chosen, as that of a
// claim. koanf's separator of levels cannot be in it.
func freeName(name string) bool {
	return name != "" && !strings.Contains(name, levels) && !strings.HasPrefix(name, "_") && !strings.HasSuffix(name, "_") &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

const freeNameWanted = "a name without __ inside and without _ at its ends"

// parent returns the key that holds key, or "".
func parent(key string) string {
	at := 0
	for i := 0; i < len(key); i++ {
		switch key[i] {
		case '.', '[':
			at = i
		case '"': // a name that is no word
			quoted, err := strconv.QuotedPrefix(key[i:])
			if err != nil {
				return key[:at]
			}
			i += len(quoted) - 1
		}
	}
	return key[:at]
}

// keyParts takes a key apart, names without their quotes.
func keyParts(key string) []string {
	if key == "" {
		return nil
	}
	up := parent(key)
	last := strings.TrimPrefix(key[len(up):], ".")
	if name, err := strconv.Unquote(last); err == nil {
		last = name
	}
	return append(keyParts(up), last)
}

// field is one key of a section.
type field struct {
	key   string
	index int
	typ   reflect.Type
	tag   reflect.StructTag
}

// secret reports whether what stands in the field may be one.
func (f field) secret() bool { return f.tag.Get("secret") != "" }

// fieldsOf returns the keys of a section in the order of the struct.
func fieldsOf(section reflect.Type) []field {
	var fields []field
	for i := range section.NumField() {
		f := section.Field(i)
		if key := f.Tag.Get("koanf"); key != "" {
			fields = append(fields, field{key: key, index: i, typ: f.Type, tag: f.Tag})
		}
	}
	return fields
}

// below returns the field of what stands in a list, or below names.
func (f field) below() field { return field{typ: f.typ.Elem(), tag: f.tag} }

func fieldNamed(section reflect.Type, key string) (field, bool) {
	for _, f := range fieldsOf(section) {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

func keysOf(section reflect.Type) []string {
	var keys []string
	for _, f := range fieldsOf(section) {
		keys = append(keys, f.key)
	}
	return keys
}

var (
	upstreamType = reflect.TypeFor[Upstream]()
	configType   = reflect.TypeFor[Config]()
	durationType = reflect.TypeFor[Duration]()
	sizeType     = reflect.TypeFor[Size]()
	shareType    = reflect.TypeFor[Share]()
)

// shape is what may stand at a key, seen from its syntax.
type shape int

const (
	section  shape = iota // a struct: fixed keys
	named                 // a map: names chosen by the operator
	listed                // a list of sections
	list                  // a list of texts
	pairs                 // a map of texts, written in one piece
	text                  // the rest are scalars
	yesNo                 // bool
	number                // int
	duration              // Duration
	size                  // Size
	share                 // Share
)

func shapeOf(t reflect.Type) shape {
	switch {
	case t == durationType:
		return duration
	case t == sizeType:
		return size
	case t == shareType:
		return share
	}
	switch t.Kind() {
	case reflect.Struct:
		return section
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return pairs
		}
		return named
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return listed
		}
		return list
	case reflect.Bool:
		return yesNo
	case reflect.Int:
		return number
	case reflect.String:
		return text
	}
	panic(fmt.Sprintf("BUG: no configuration of type %v", t))
}

// wanted names the shape for the operator.
func (s shape) wanted() string {
	return [...]string{
		section:  "a section with keys of its own",
		named:    "names, each with a section of its own",
		listed:   "a list of sections, each behind a -, or as in [{name: a}, {name: b}]",
		list:     "a list of texts, such as [a, b]",
		pairs:    "names and texts, such as {a: b}",
		text:     "a text",
		yesNo:    "true or false",
		number:   "a whole number from 0",
		duration: "a time with a unit, such as 10s",
		size:     "a size with a unit, such as 64KiB",
		share:    "a number from 0 to 1, such as 0.01",
	}[s]
}

// parse reads a scalar. The value is of a kind that the strict decoder takes
// as it is; times, sizes and shares stay text and are read by their UnmarshalText.
// Where the text does not fit, meant is a likely correction or "".
func (s shape) parse(word string) (value any, meant string, ok bool) {
	switch s {
	case text:
		return word, "", true
	case yesNo:
		switch strings.ToLower(word) {
		case "true":
			return true, "", true
		case "false":
			return false, "", true
		case "yes", "on", "1":
			return nil, "true", false
		case "no", "off", "0":
			return nil, "false", false
		}
	case number:
		n, err := strconv.ParseUint(word, 10, 31)
		return int(n), "", err == nil
	case duration:
		return word, respell(word, durationWords, new(Duration)), new(Duration).UnmarshalText([]byte(word)) == nil
	case size:
		return word, respell(word, sizeWords, new(Size)), new(Size).UnmarshalText([]byte(word)) == nil
	case share:
		return word, respellShare(word), new(Share).UnmarshalText([]byte(word)) == nil
	}
	return nil, "", false
}
