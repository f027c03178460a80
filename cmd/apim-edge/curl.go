package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/kballard/go-shellquote"
)

// curlRequest is a request as curl's command line describes it.
type curlRequest struct {
	method, target, data string
	fields               []string
	headOnly             bool
	get                  bool
}

// take reads the arguments of explain: a URL or path, a curl line, or "-" for a
// curl line on standard input.
func (r *curlRequest) take(args []string, in io.Reader) error {
	if len(args) == 1 && args[0] == "-" {
		text, err := io.ReadAll(io.LimitReader(in, 1<<20))
		if err != nil {
			return err
		}
		line := strings.NewReplacer("\\\r\n", " ", "\\\n", " ").Replace(string(text))
		if args, err = shellquote.Split(strings.TrimSpace(line)); err != nil {
			return fmt.Errorf("the curl line on standard input: %w", err)
		}
	}
	if len(args) > 0 && args[0] == "curl" {
		if err := r.takeCurl(args[1:]); err != nil {
			return err
		}
	} else if len(args) == 1 {
		r.target = args[0]
	} else if len(args) > 1 {
		return errors.New("give one URL, or a curl line behind --")
	}
	if r.target == "" {
		return errors.New("no URL; for example: apim-edge explain -u https://contoso.azure-api.net /openai/v1/models")
	}
	return r.check()
}

// takeCurl understands the flags that change a request, and skips those that
// change only what curl prints or how it connects.
func (r *curlRequest) takeCurl(args []string) error {
	for len(args) > 0 {
		name, value, joined := splitFlag(args[0])
		args = args[1:]
		if name == "" {
			r.target = value
			continue
		}
		if !takesValue(name) {
			if err := r.boolFlag(name); err != nil {
				return err
			}
			continue
		}
		if !joined {
			if len(args) == 0 {
				return fmt.Errorf("curl: %s needs a value", name)
			}
			value, args = args[0], args[1:]
		}
		r.valueFlag(name, value)
	}
	return nil
}

// splitFlag splits -Xvalue and --name=value. A word that is no flag has no name.
func splitFlag(word string) (name, value string, joined bool) {
	switch {
	case strings.HasPrefix(word, "--"):
		name, value, joined = strings.Cut(word, "=")
		return name, value, joined
	case len(word) > 2 && word[0] == '-' && takesValue(word[:2]):
		return word[:2], word[2:], true
	case len(word) > 1 && word[0] == '-':
		return word, "", false
	}
	return "", word, false
}

func takesValue(name string) bool {
	switch name {
	case "-X", "--request", "-H", "--header", "-d", "--data", "--data-raw", "--data-binary", "--data-ascii",
		"--data-urlencode", "--json", "-u", "--user", "-A", "--user-agent", "--url", "-F", "--form", "-o", "--output",
		"-m", "--max-time", "--connect-timeout", "--cacert", "-w", "--write-out", "-b", "--cookie", "-e", "--referer",
		"--retry", "-x", "--proxy", "--resolve", "-T", "--upload-file":
		return true
	}
	return false
}

func (r *curlRequest) boolFlag(name string) error {
	switch name {
	case "-I", "--head":
		r.headOnly = true
	case "-G", "--get":
		r.get = true
	case "--no-buffer", "--silent", "--show-error", "--include", "--verbose", "--insecure", "--location", "--fail",
		"--http1.1", "--compressed", "--globoff", "--fail-with-body":
	default:
		if strings.HasPrefix(name, "--") || strings.Trim(name, "-NsSivkLfg") != "" {
			return fmt.Errorf("curl: %s is not understood here; leave it out", name)
		}
	}
	return nil
}

func (r *curlRequest) valueFlag(name, value string) {
	switch name {
	case "-X", "--request":
		r.method = value
	case "-H", "--header":
		r.fields = append(r.fields, value)
	case "--json":
		r.data += value
		r.fields = append(r.fields, "Content-Type: application/json")
	case "-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode":
		if r.data != "" {
			r.data += "&" // as curl joins them
		}
		r.data += value
	case "-F", "--form", "-T", "--upload-file":
		r.data += value
	case "-u", "--user":
		r.fields = append(r.fields, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(value)))
	case "-A", "--user-agent":
		r.fields = append(r.fields, "User-Agent: "+value)
	case "-b", "--cookie":
		r.fields = append(r.fields, "Cookie: "+value)
	case "-e", "--referer":
		r.fields = append(r.fields, "Referer: "+value)
	case "--url":
		r.target = value
	}
}

// check completes the URL and refuses what cannot stand in a head as it is.
func (r *curlRequest) check() error {
	for _, f := range r.fields {
		name, _, ok := strings.Cut(f, ":")
		if !ok || name == "" || strings.ContainsAny(f, "\r\n") {
			return errors.New(`a field must look like "Name: value", on one line`)
		}
	}
	if r.get && r.data != "" { // curl -G puts the data into the URL
		mark := "?"
		if strings.Contains(r.target, "?") {
			mark = "&"
		}
		r.target, r.data = r.target+mark+r.data, ""
	}
	if strings.ContainsAny(r.target+r.method, " \r\n") {
		return errors.New("the URL or the method contains a space or a line end")
	}
	return nil
}

// head returns the request head that curl would send, without the fields that
// curl adds by itself: they decide nothing. The length of a body from a file or
// a form is not worked out.
func (r *curlRequest) head() []byte {
	host, target := "edge", r.target
	if u, err := url.Parse(r.target); err == nil && u.Host != "" {
		host = u.Host
		_, rest, _ := strings.Cut(r.target, "://")
		target = "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			target = rest[i:]
		}
		if target[0] == '?' {
			target = "/" + target
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.verb(), target)
	if !r.has("Host") {
		fmt.Fprintf(&b, "Host: %s\r\n", host)
	}
	for _, f := range r.fields {
		name, value, _ := strings.Cut(f, ":")
		fmt.Fprintf(&b, "%s: %s\r\n", name, strings.TrimSpace(value))
	}
	if r.data != "" && !r.has("Content-Length") && !r.has("Transfer-Encoding") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.data))
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func (r *curlRequest) verb() string {
	switch {
	case r.method != "":
		return r.method
	case r.headOnly:
		return "HEAD"
	case r.data != "":
		return "POST"
	}
	return "GET"
}

func (r *curlRequest) has(name string) bool {
	for _, f := range r.fields {
		if n, _, _ := strings.Cut(f, ":"); strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}
