package curl

import (
	"errors"
	"strings"
)

// Requests returns what the command sends, in order: one request for each URL.
func (c *Command) Requests() ([]Request, error) {
	transfers, err := c.take()
	if err != nil {
		return nil, err
	}
	var all []Request
	for _, t := range transfers {
		if len(t.urls) == 0 {
			return nil, errors.New("curl: no URL; write it behind the options, in quotes")
		}
		for i, u := range t.urls {
			r, err := t.request(u, i)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
	}
	return all, nil
}

func (t *transfer) request(text string, at int) (Request, error) {
	before := len(t.notes)
	u, err := t.splitURL(text)
	if err != nil {
		return Request{}, err
	}
	var upload *string
	if at < len(t.uploads) {
		upload = &t.uploads[at]
		if strings.HasSuffix(u.path, "/") && *upload != "-" && *upload != "." {
			u.path += escape((*upload)[strings.LastIndexByte(*upload, '/')+1:])
		}
	}
	method, body, err := t.bodyFields(upload)
	if err != nil {
		return Request{}, err
	}
	if t.method != "" {
		method = t.method
	}
	r := Request{Method: method, Target: t.targetOf(u), http10: t.http10}
	r.Fields = t.fields(u, body)
	r.Notes = append(append([]string{}, t.from.Notes...), t.notes...)
	if at > 0 { // what was said of the first request goes for the others
		r.Notes = r.Notes[:0:0]
		r.Notes = append(r.Notes, t.notes[before:]...)
	}
	return r, r.check()
}

func (t *transfer) targetOf(u address) string {
	if t.target != "" {
		return t.target
	}
	query := t.query
	if u.query != nil {
		query = append([]string{*u.query}, query...)
	}
	if t.get && t.body != nil {
		query = append(query, *t.body)
	}
	if len(query) == 0 {
		return u.path
	}
	return u.path + "?" + strings.Join(query, "&")
}

// fields returns the fields in the order in which curl 7 and 8 write them.
func (t *transfer) fields(u address, body []Field) (all []Field) {
	add := func(name, value string) {
		if !t.given(name) {
			all = append(all, Field{name, value})
		}
	}
	own := func(name, value string) {
		if value != "" && !t.from.Bare {
			add(name, value)
		}
	}
	if host, ok := t.first("Host"); ok {
		all = append(all, Field{"Host", host})
	} else if !t.removed["host"] {
		all = append(all, Field{"Host", u.host})
	}
	if value, ok := t.authorization(u.user); ok {
		add("Authorization", value)
	}
	if t.rang != "" {
		add("Range", "bytes="+t.rang)
	}
	agent := Agent
	if t.agent != nil {
		agent = *t.agent
	}
	own("User-Agent", agent)
	if t.trEncoding {
		all = append(all, Field{"Connection", "TE"}, Field{"TE", "gzip"})
	}
	accept, kind := "*/*", ""
	if t.isJSON {
		accept, kind = "", "application/json"
	}
	own("Accept", accept)
	if t.compressed {
		own("Accept-Encoding", "deflate, gzip, br, zstd")
	}
	own("Referer", t.referer)
	own("Cookie", strings.Join(t.cookies, ";"))
	if t.http2 && u.scheme == "http" {
		all = append(all, Field{"Connection", "Upgrade, HTTP2-Settings"}, Field{"Upgrade", "h2c"}, Field{"HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"})
	}
	for _, f := range t.headers {
		if !strings.EqualFold(f.Name, "Host") && !(t.trEncoding && strings.EqualFold(f.Name, "Connection")) {
			all = append(all, f)
		}
	}
	own("Content-Type", kind)
	own("Accept", kind)
	return t.addBodyFields(all, body)
}

func (t *transfer) addBodyFields(all, body []Field) []Field {
	chunked := t.given("Transfer-Encoding")
	for _, f := range body {
		switch {
		case t.given(f.Name), chunked && f.Name == "Content-Length":
		case f.Name == "Content-Type" && (t.isJSON || t.from.Bare):
		case f.Name == "Expect" && t.http10:
		default:
			all = append(all, f)
		}
	}
	return all
}

// Agent is the User-Agent of curl, of no version in particular.
const Agent = "curl/8"

func (t *transfer) first(name string) (value string, ok bool) {
	for _, f := range t.headers {
		if strings.EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return "", false
}
