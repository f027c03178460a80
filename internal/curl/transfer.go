package curl

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// transfer is what one command, or the part of it up to --next, says of its
// requests.
type transfer struct {
	from *Command

	method, target, scheme string
	urls                   []string
	headers                []Field
	body                   *string // of -d and its like
	isJSON                 bool
	forms                  []form
	uploads                []string
	query                  []string
	user, bearer, agent    *string
	auth                   string
	referer, rang          string
	cookies                []string
	get, head, globoff     bool
	compressed, trEncoding bool
	asIs, http10, http2    bool

	removed map[string]bool // default fields that a -H "Name:" takes off
	notes   []string
}

type form struct {
	text    string
	literal bool
}

func newTransfer(c *Command) *transfer {
	return &transfer{from: c, scheme: "http", removed: map[string]bool{}}
}

func (t *transfer) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// header takes the value of -H: "Name: value"; "Name:" takes a field off, "Name;" is
// one without a value, and @file has one on each line.
func (t *transfer) header(v string) error {
	if name, ok := strings.CutPrefix(v, "@"); ok {
		text, why := t.from.read(name)
		if why != "" {
			return errors.New(why + ", and the fields in it may decide; write them with -H")
		}
		for line := range strings.Lines(text) {
			if err := t.header(strings.TrimRight(line, "\r\n")); err != nil {
				return err
			}
		}
		return nil
	}
	name, value, ok := strings.Cut(v, ":")
	if !ok {
		bare, found := strings.CutSuffix(strings.TrimRight(v, " \t"), ";")
		if !found {
			if t.from.Bare {
				return errors.New(`a field must look like "Name: value"`)
			}
			if v != "" {
				t.note("curl does not send a -H without a colon")
			}
			return nil
		}
		name, value = bare, ""
	} else if value = strings.Trim(value, " \t"); value == "" && !t.from.Bare {
		t.removed[strings.ToLower(name)] = true
		return nil
	}
	if name == "" || strings.ContainsAny(v, "\r\n") {
		return errors.New(`a field must look like "Name: value", on one line`)
	}
	if scheme, rest, ok := strings.Cut(value, " "); strings.EqualFold(name, "Authorization") && strings.TrimSpace(rest) == "" && (ok || strings.EqualFold(scheme, "Bearer")) {
		t.note("there is nothing behind the scheme in Authorization: was a variable empty?")
	}
	t.headers = append(t.headers, Field{name, value})
	return nil
}

// How -d and its like take a value that begins with @.
type taking int

const (
	stripped taking = iota // a file without its line ends
	whole                  // a file as it stands
	literal                // no file
)

func (t *transfer) data(v string, how taking) error {
	if name, ok := strings.CutPrefix(v, "@"); ok && how != literal {
		text, why := t.from.read(name)
		if why != "" {
			t.note("of the body it is not known how long it is: %s", why)
		}
		if v = text; how == stripped {
			v = strings.NewReplacer("\r", "", "\n", "").Replace(text)
		}
	}
	t.addBody(v, "&")
	return nil
}

func (t *transfer) addBody(v, separator string) {
	if t.body != nil && *t.body != "" {
		v = *t.body + separator + v
	}
	t.body = &v
}

func (t *transfer) json(v string) error {
	t.isJSON = true
	before := t.body
	t.body = nil
	if err := t.data(v, whole); err != nil {
		return err
	}
	if before != nil {
		joined := *before + *t.body
		t.body = &joined
	}
	return nil
}

// dataURLEncode takes content, =content, name=content, @file or name@file.
func (t *transfer) dataURLEncode(v string) error {
	text, why := t.encoded(v)
	if why != "" {
		t.note("of the body it is not known how long it is: %s", why)
	}
	t.addBody(text, "&")
	return nil
}

func (t *transfer) encoded(v string) (text, why string) {
	at := strings.IndexAny(v, "=@")
	if at < 0 {
		return escape(v), ""
	}
	name, content := v[:at], v[at+1:]
	if v[at] == '@' {
		content, why = t.from.read(content)
	}
	if name != "" {
		name += "="
	}
	return name + escape(content), why
}

func (t *transfer) urlQuery(v string) error {
	if text, ok := strings.CutPrefix(v, "+"); ok {
		t.query = append(t.query, text)
		return nil
	}
	text, why := t.encoded(v)
	if why != "" {
		return errors.New(why)
	}
	t.query = append(t.query, text)
	return nil
}

// escape percent-encodes all but unreserved characters (RFC 3986 section 2.3); a
// space becomes +, as in a form. Variables stay.
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i, part := range strings.Split(text, mark) {
		if i%2 == 1 {
			b.WriteString(mark + part + mark)
			continue
		}
		for j := range len(part) {
			c := part[j]
			switch {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0:
				b.WriteByte(c)
			case c == ' ':
				b.WriteByte('+')
			default:
				b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			}
		}
	}
	return b.String()
}

func (t *transfer) cookie(v string) error {
	if strings.Contains(v, "=") {
		t.cookies = append(t.cookies, v)
		return nil
	}
	if v != "" {
		t.note("the cookies of a file are left out")
	}
	return nil
}

// authorization returns the value of Authorization that curl makes of a token, or of
// a user; that of -u comes before that of the URL.
func (t *transfer) authorization(inURL *string) (value string, ok bool) {
	user := t.user
	if inURL != nil && user == nil {
		user = inURL
		t.note("the URL holds a user and a password: curl sends them as Authorization: Basic")
	}
	if t.auth != "" && user != nil {
		t.note("explained is the first request, in which --%s sends no credential", t.auth)
		return "", false
	}
	switch {
	case t.bearer != nil:
		return "Bearer " + *t.bearer, true
	case user != nil:
		text := *user
		if !strings.Contains(text, ":") {
			text += ":"
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)), true
	}
	return "", false
}

// given reports whether a -H says a field, or takes it off.
func (t *transfer) given(name string) bool {
	for _, f := range t.headers {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return t.removed[strings.ToLower(name)]
}

// expectFrom is the size from which on curl asks before it sends a body.
const expectFrom = 1 << 20

// bodyFields returns the method that a body brings with it, and the fields that
// describe it.
func (t *transfer) bodyFields(upload *string) (method string, fields []Field, err error) {
	kinds := 0
	for _, is := range []bool{t.body != nil && !t.get, len(t.forms) > 0, upload != nil, t.head} {
		if is {
			kinds++
		}
	}
	length := func(n int) { fields = append(fields, Field{"Content-Length", strconv.Itoa(n)}) }
	switch {
	case kinds > 1:
		return "", nil, errors.New("curl: of -d, -F, -T and -I it takes one; write one of them")
	case t.head:
		return "HEAD", nil, nil
	case len(t.forms) > 0:
		length(t.formLength())
		return "POST", append(fields, Field{"Content-Type", "multipart/form-data; boundary=" + boundary}), nil
	case upload != nil:
		if *upload == "-" || *upload == "." {
			return "PUT", []Field{{"Transfer-Encoding", "chunked"}}, nil
		}
		text, why := t.from.read(*upload)
		if why != "" {
			t.note("of the body it is not known how long it is: %s", why)
		}
		length(len(text))
		return "PUT", fields, nil
	case t.body != nil && !t.get:
		if names := variables(*t.body); len(names) > 0 {
			t.note("the body holds variables: its length is not exact")
		}
		n := len(fill(*t.body, func(string) string { return "" }))
		length(n)
		if n > expectFrom {
			fields = append(fields, Field{"Expect", "100-continue"})
		}
		return "POST", append(fields, Field{"Content-Type", "application/x-www-form-urlencoded"}), nil
	}
	return "GET", nil, nil
}

// boundary has the length of curl's, whose end is random.
const boundary = "------------------------0123456789abcdef"

// formLength returns how long a form is, about: it depends on the names of files
// and on their types.
func (t *transfer) formLength() int {
	n := len(boundary) + 6
	for _, f := range t.forms {
		name, value, _ := strings.Cut(f.text, "=")
		if file, ok := strings.CutPrefix(value, "@"); ok && !f.literal {
			file, _, _ = strings.Cut(file, ";")
			value, _ = t.from.read(file)
			t.note("how long the form is depends on the version of curl")
		}
		n += len(boundary) + len("--\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n") + len(name) + len(value)
	}
	return n
}
