package bridge

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

const formType = "multipart/form-data; boundary=XX"

// scanForm scans a body in pieces that end at the given places and at its end.
func scanForm(contentType string, body []byte, ends ...int) (out found) {
	var s formScan
	if out.err = s.begin([]byte(contentType)); out.err != nil {
		return out
	}
	for _, end := range append(ends, len(body)) {
		if out.err = s.scan(body[:end]); out.err != nil {
			return out
		}
	}
	if s.found {
		out.value = "=" + string(body[s.value.start:s.value.end])
	}
	out.whole = s.state == formEnd
	return out
}

func TestScanForm(t *testing.T) {
	const model, file = `name="model"`, `name="file"; filename="a.mp3"`
	head := func(lines string) string { return "--XX\r\n" + lines + "\r\n\r\na\r\n--XX--" }
	for _, tc := range []struct {
		name, body string
		want       found
	}{
		{"first", form(model, "a", file, "x"), found{"=a", true, nil}},
		{"last", form(file, "x", model, "a"), found{"=a", true, nil}},
		{"a file that looks like a boundary", form(file, "\r\n--X\r\n-\r\n--\r\r\n--Y", model, "a"), found{"=a", true, nil}},
		{"a file called model", form(`name="model"; filename="model"`, "x", model, "a"), found{"=a", true, nil}},
		{"a file with a name in UTF-8", form(`name="file"; filename*=UTF-8''m%C3%A4`, "x", model, "a"), found{"=a", true, nil}},
		{"a file with quotes in its name", form(`name="file"; filename="\"; name=\"model"`, "x"), found{"", true, nil}},
		{"a name without quotes", form(`name=model`, "a"), found{"=a", true, nil}},
		{"parameters in another order", form(`filename="x" ; name="model"`, "a"), found{"", true, nil}},
		{"other spellings", head("CONTENT-disposition:  Form-Data ;NAME=\"model\"; "), found{"=a", true, nil}},
		{"fields of the part", head("Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"model\"\r\nX: y"), found{"=a", true, nil}},
		{"other names", form(`name="models"`, "a", `name="Model"`, "b", `name=""`, "c"), found{"", true, nil}},
		{"an empty value", form(model, ""), found{"=", true, nil}},
		{"a line end in front", "\r\n" + form(model, "a"), found{"=a", true, nil}},
		{"no line end behind", strings.TrimSuffix(form(model, "a"), "\r\n"), found{"=a", true, nil}},
		{"what stands behind the end counts nothing", form(model, "a") + form(model, "b"), found{"=a", true, nil}},
		{"a value that goes on", "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nabc", found{}},
		{"a boundary that goes on", "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nabc\r\n--XX", found{value: "=abc"}},

		{"twice", form(model, "a", model, "a"), found{err: errModelTwice}},
		{"a preamble", "x\r\n" + form(model, "a"), found{err: errNotForm}},
		{"JSON", `{"model":"a"}`, found{err: errNotForm}},
		{"another boundary", strings.ReplaceAll(form(model, "a"), "XX", "XY"), found{err: errNotForm}},
		{"a longer boundary", strings.ReplaceAll(form(model, "a"), "XX", "XXX"), found{err: errNotForm}},
		{"a longer boundary later", form(file, "a\r\n--XXX"), found{err: errNotForm}},
		{"space behind a boundary", "--XX \r\n", found{err: errNotForm}},
		{"bare LF", strings.ReplaceAll(form(model, "a"), "\r\n", "\n"), found{err: errNotForm}},
		{"bare LF in a head", "--XX\r\nContent-Disposition: form-data; name=\"a\"\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n--XX--", found{err: errPartHead}},
		{"one line end between a head and a boundary", "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n--XX\r\n", found{err: errNotForm}},
		{"no head", "--XX\r\n\r\n\r\na\r\n--XX--", found{err: errPartHead}},
		{"no Content-Disposition", head("Content-Type: text/plain"), found{err: errPartHead}},
		{"two of them", head("Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\""), found{err: errPartHead}},
		{"two of them, the first empty", head("Content-Disposition:\r\nContent-Disposition: form-data; name=\"model\""), found{err: errPartHead}},
		{"two names", head(`Content-Disposition: form-data; name="a"; name="model"`), found{err: errPartHead}},
		{"a name in pieces", head(`Content-Disposition: form-data; name*0="mod"; name*1="el"`), found{err: errPartHead}},
		{"a name in another charset", head(`Content-Disposition: form-data; name="a"; name*=UTF-8''model`), found{err: errPartHead}},
		{"a backslash in a name", head(`Content-Disposition: form-data; name="mo\del"`), found{err: errPartHead}},
		{"no name", head(`Content-Disposition: form-data`), found{err: errPartHead}},
		{"a quote without end", head(`Content-Disposition: form-data; name="model`), found{err: errPartHead}},
		{"something behind a quote", head(`Content-Disposition: form-data; name="model"x`), found{err: errPartHead}},
		{"another disposition", head(`Content-Disposition: attachment; name="model"`), found{err: errPartHead}},
		{"a folded line", head("Content-Disposition: form-data;\r\n name=\"model\""), found{err: errPartHead}},
		{"space in front of a colon", head(`Content-Disposition : form-data; name="model"`), found{err: errPartHead}},
		{"a coded name", head("Content-Transfer-Encoding: quoted-printable\r\nContent-Disposition: form-data; name=\"model\""), found{err: errPartHead}},
		{"a head without end", "--XX\r\nX: " + strings.Repeat("x", maxPartHead), found{err: errPartHead}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := []byte(tc.body)
			if got := scanForm(formType, body); got != tc.want {
				t.Errorf("%.200q: got %+v, want %+v", body, got, tc.want)
			}
			if got := scanForm(formType, body, eachByte(body)...); got != tc.want {
				t.Errorf("%.200q byte by byte: got %+v, want %+v", body, got, tc.want)
			}
		})
	}
}

func TestBoundaries(t *testing.T) {
	longest := strings.Repeat("x", maxBoundary)
	for _, tc := range []struct{ contentType, boundary string }{
		{"multipart/form-data; boundary=----formdata-undici-012345678901", "----formdata-undici-012345678901"},
		{`multipart/form-data; charset=utf-8 ; Boundary="a b" ;`, "a b"},
		{"multipart/form-data;boundary=" + longest, longest},
		{"multipart/form-data; boundary=" + longest + "x", ""},
		{"multipart/form-data", ""},
		{"multipart/form-data; boundary=", ""},
		{`multipart/form-data; boundary=""`, ""},
		{`multipart/form-data; boundary="a `, ""},
		{`multipart/form-data; boundary="a "`, ""},
		{`multipart/form-data; boundary="a\\b"`, ""},
		{"multipart/form-data; boundary=a; boundary=b", ""},
		{"multipart/form-data; boundary=a\tb", ""},
	} {
		var s formScan
		err := s.begin([]byte(tc.contentType))
		if got := strings.TrimPrefix(string(s.delimiter()), "\r\n--"); (err == nil) != (tc.boundary != "") || err == nil && got != tc.boundary {
			t.Errorf("%s: got %q, %v, want %q", tc.contentType, got, err, tc.boundary)
		}
	}
}

// partsOf returns the values of every part model that is no file, as mime/multipart
// reads them, up to its first error.
func partsOf(contentType string, body []byte) (values []string, err error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return values, err
		}
		value, err := io.ReadAll(part)
		if part.FormName() == "model" && part.FileName() == "" {
			values = append(values, string(value))
		}
		if err != nil {
			return values, err
		}
	}
}

// FuzzForm holds that no part model that mime/multipart reads is missed, and that the
// scan comes to the same wherever the pieces end.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		form(`name="model"`, "a"), form(`name="file"; filename="model"`, "\r\n--X", `name=model`, "b"), form(`name="model"`, "a", `name="model"`, "b"),
		"\r\n" + form(`name="x"`, "") + "--XX", "--XX\r\nContent-Disposition: form-data; name*0=\"mod\"; name*1=\"el\"\r\n\r\nx\r\n--XX--",
		"--XX\r\nContent-Disposition:form-data;name=model;filename=\r\n\r\n--XX\r\n",
	} {
		f.Add([]byte(seed), uint16(30))
	}
	f.Fuzz(func(t *testing.T, body []byte, cut uint16) {
		got := scanForm(formType, body)
		if again := scanForm(formType, body, min(int(cut), len(body))); again != got {
			t.Errorf("%q: got %+v, cut at %d %+v", body, got, cut, again)
		}
		if again := scanForm(formType, body, eachByte(body)...); again != got {
			t.Errorf("%q: got %+v, byte by byte %+v", body, got, again)
		}
		if got.err != nil || !got.whole {
			return // refused, or not sent without its end
		}
		values, err := partsOf(formType, body)
		switch {
		case len(values) > 1, len(values) == 1 && got.value != "="+values[0]:
			t.Errorf("%q: found %+v, mime/multipart reads %q, %v", body, got, values, err)
		case len(values) == 0 && got.value != "" && err == nil:
			t.Errorf("%q: found %+v, mime/multipart reads none", body, got)
		}
	})
}
