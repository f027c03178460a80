package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// options are the flags, checked.
type options struct {
	target    *url.URL
	key       string // never printed
	rate      float64
	duration  time.Duration
	timeout   time.Duration
	maxErrors int
	inFlight  int
	stream    bool
	body      []byte
	caFile    string
	json      string
}

// carefulRate and carefulCount bound what may be sent to something that is not
// on this machine without a further yes.
const (
	carefulRate  = 20
	carefulCount = 2000
	longest      = time.Hour
)

// flags are the flags as they come.
type flags struct {
	target, keyFrom, rate, path, model, bodyFile string
	yes                                          bool
}

func parseOptions(args []string, stderr io.Writer) (*options, error) {
	o, f := &options{}, &flags{}
	set := flag.NewFlagSet("load", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&f.target, "target", "", "URL of the edge, for example https://edge.example.com")
	set.StringVar(&f.keyFrom, "key-from", "", "where the subscription key is: env:NAME or file:/path")
	set.StringVar(&f.rate, "rate", "5/s", "exchanges begun per second (5/s) or minute (300/m), whatever becomes of earlier ones")
	set.DurationVar(&o.duration, "duration", 30*time.Second, "how long exchanges are begun")
	set.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long one exchange may take")
	set.IntVar(&o.maxErrors, "max-errors", 10, "stop when more exchanges than this have failed")
	set.IntVar(&o.inFlight, "in-flight", 1000, "most exchanges at a time; one more is an error")
	set.BoolVar(&o.stream, "stream", false, "ask for events, and measure them")
	set.StringVar(&f.model, "model", "gpt-4o-mini", "model, or name of the deployment")
	set.StringVar(&f.path, "path", "/openai/v1/chat/completions", "path, with the query if one is needed")
	set.StringVar(&f.bodyFile, "body", "", "file with a request body of your own instead of a short chat")
	set.StringVar(&o.caFile, "ca-file", "", "PEM file with the authorities to trust instead of the system's")
	set.StringVar(&o.json, "json", "", "write the summary as JSON to this file; - for standard output")
	set.BoolVar(&f.yes, "yes", false, "yes, I may send that much to a host that is not this one")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", set.Arg(0))
	}
	return o, o.check(f)
}

func (o *options) check(f *flags) (err error) {
	if o.target, err = parseTarget(f.target, f.path); err != nil {
		return err
	}
	if o.key, err = readKey(f.keyFrom); err != nil {
		return err
	}
	if o.rate, err = parseRate(f.rate); err != nil {
		return err
	}
	switch {
	case o.duration <= 0 || o.duration > longest:
		return fmt.Errorf("--duration %v: from 1ms to %v", o.duration, longest)
	case o.timeout <= 0:
		return fmt.Errorf("--timeout %v: more than nothing", o.timeout)
	case o.maxErrors < 0:
		return fmt.Errorf("--max-errors %d: 0 or more", o.maxErrors)
	case o.inFlight < 1:
		return fmt.Errorf("--in-flight %d: 1 or more", o.inFlight)
	}
	if !f.yes && !isLoopback(o.target.Hostname()) && (o.rate > carefulRate || o.planned() > carefulCount) {
		return fmt.Errorf("%d exchanges at %s against %s: somebody pays for them; say --yes if you may (without it: up to %d/s and %d in all)",
			o.planned(), o.rateText(), o.target.Host, carefulRate, carefulCount)
	}
	return o.readBody(f)
}

func (o *options) readBody(f *flags) (err error) {
	if f.bodyFile != "" {
		o.body, err = os.ReadFile(f.bodyFile)
		return err
	}
	o.body = fmt.Appendf(nil, `{"model":%s,"stream":%t,"messages":[{"role":"user","content":"Count from 1 to 20."}]}`,
		strconv.Quote(f.model), o.stream)
	return nil
}

func parseTarget(target, path string) (*url.URL, error) {
	if target == "" {
		return nil, errors.New("--target is missing, for example --target https://edge.example.com")
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("--target: not the URL of an HTTP server, for example https://edge.example.com")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("--target: scheme, host and path only; the key comes by --key-from")
	}
	rest, err := url.Parse(path)
	if err != nil || rest.Host != "" || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("--path: begins with a slash")
	}
	joined := *u
	joined.Path, joined.RawPath = strings.TrimSuffix(u.Path, "/")+rest.Path, ""
	joined.RawQuery = rest.RawQuery
	return &joined, nil
}

func readKey(from string) (string, error) {
	kind, where, _ := strings.Cut(from, ":")
	key := ""
	switch kind {
	case "env":
		key = os.Getenv(where)
	case "file":
		text, err := os.ReadFile(where)
		if err != nil {
			return "", fmt.Errorf("--key-from: %w", err)
		}
		key = string(text)
	default:
		return "", errors.New("--key-from: env:NAME or file:/path; a key in the command line would stay in the shell's history")
	}
	key = strings.TrimSpace(key)
	if key == "" {
		return "", fmt.Errorf("--key-from %s: nothing there", from)
	}
	return key, nil
}

func parseRate(text string) (float64, error) {
	number, unit, _ := strings.Cut(text, "/")
	rate, err := strconv.ParseFloat(number, 64)
	if unit == "m" {
		rate /= 60
	}
	if err != nil || (unit != "s" && unit != "m" && unit != "") || rate <= 0 || rate > 100_000 {
		return 0, fmt.Errorf("--rate %q: for example 5/s or 300/m", text)
	}
	return rate, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// planned is how many exchanges will be begun.
func (o *options) planned() int { return max(1, int(o.rate*o.duration.Seconds())) }

func (o *options) rateText() string { return strconv.FormatFloat(o.rate, 'g', 4, 64) + "/s" }

// place is the target as it may be shown: without a query, which may hold a key.
func (o *options) place() string {
	return o.target.Scheme + "://" + o.target.Host + o.target.EscapedPath()
}
