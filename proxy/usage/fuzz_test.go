package usage

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
)

// FuzzTap holds that what is read does not depend on where the pieces end, and is what
// encoding/json finds.
func FuzzTap(f *testing.F) {
	for _, tc := range answers {
		f.Add([]byte(tc.body), []byte{3, 1, 4, 1, 5, 9, 2, 6}, tc.events)
	}
	f.Add([]byte(`{"usage":{"prompt_tokens":1,"usage":{"prompt_tokens":2}},"usage":{"input_tokens":3}}`), []byte{1}, false)
	f.Add([]byte("data\ndata: {}\ndata:\n\ndata: {\"usage\":{\"prompt_tokens\":1}}"), []byte{1}, true)
	f.Fuzz(func(t *testing.T, body, cuts []byte, events bool) {
		var whole, pieces Tap
		if events {
			whole.ReadEvents()
			pieces.ReadEvents()
		}
		whole.Feed(body)
		rest := body
		for _, n := range cuts {
			n := min(int(n), len(rest))
			pieces.Feed(rest[:n])
			rest = rest[n:]
		}
		pieces.Feed(rest)
		if whole.Tokens != pieces.Tokens {
			t.Fatalf("%q: %+v as a whole, %+v in pieces", body, whole.Tokens, pieces.Tokens)
		}
		want := Tokens{}
		if events {
			for _, text := range dataOf(body) {
				if !json.Valid(text) {
					return
				}
				want.oracle(text)
			}
		} else {
			text := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
			if !json.Valid(text) {
				return
			}
			want.oracle(text)
		}
		if whole.Tokens != want {
			t.Fatalf("%q: %+v, want %+v", body, whole.Tokens, want)
		}
	})
}

// dataOf returns the data of the events, by the rules of the HTML standard, with LF and
// CRLF for ends of lines. What is not ended counts.
func dataOf(body []byte) (all [][]byte) {
	var data []byte
	has := false
	end := func() {
		if has {
			all = append(all, data)
		}
		data, has = nil, false
	}
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		line = bytes.TrimRight(line, "\r") // more than one is no end of a line, and no JSON
		if len(line) == 0 {
			end()
			continue
		}
		if text, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data, has = append(append(data, text...), '\n'), true
		}
	}
	end()
	return all
}

// oracle is what encoding/json finds in a text that is valid.
func (t *Tokens) oracle(text []byte) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if begin, _ := d.Token(); begin == json.Delim('{') {
		t.object(d, text, nil)
	}
}

// object reads the members of the object that d is in.
func (t *Tokens) object(d *json.Decoder, text []byte, path []string) {
	for d.More() {
		from := d.InputOffset()
		name, _ := d.Token()
		key := name.(string)
		if bytes.IndexByte(text[from:d.InputOffset()], '\\') >= 0 {
			key = "with an escape"
		}
		t.member(d, text, append(path[:len(path):len(path)], key))
	}
	_, _ = d.Token()
}

func (t *Tokens) member(d *json.Decoder, text []byte, path []string) {
	switch v, _ := d.Token(); v := v.(type) {
	case json.Delim:
		if v == '{' {
			t.object(d, text, path)
			return
		}
		for d.More() {
			t.member(d, text, append(path, "a list"))
		}
		_, _ = d.Token()
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if f := fieldAt(path); err == nil && f != noField && len(v) <= mostDigits && v[0] != '-' {
			t.set(f, n)
		}
	}
}

func fieldAt(path []string) field {
	if path[0] == "response" || path[0] == "message" {
		path = path[1:]
	}
	switch {
	case len(path) < 2 || path[0] != "usage":
	case len(path) == 2:
		return names[path[1]]
	case len(path) == 3 && path[2] == "cached_tokens" && (path[1] == "prompt_tokens_details" || path[1] == "input_tokens_details"):
		return cached
	case len(path) == 3 && path[2] == "reasoning_tokens" && (path[1] == "completion_tokens_details" || path[1] == "output_tokens_details"):
		return reasoning
	}
	return noField
}
