// Package demo shows what apim-edge is for, to a person at a terminal: the 401
// that a client gets from a legacy API Management, the answer that the same
// client gets through the edge, word by word, a page of another origin that
// chats through the edge, and what the doctor says. A tour leads through more. It
// plays upstream by package lookalike and is handed the edge, the doctor and the
// report as functions, so that it shows those that users run.
//
//	err := demo.Run(ctx, demo.Options{Out: os.Stdout, EdgeStart: start, Doctor: examine, Report: conclude})
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/apim-edge/apim-edge/internal/lookalike"
)

// subscriptionKey is the demo's key. It opens nothing but the look-alike.
const subscriptionKey = "0123456789abcdef0123456789abcdef"

// readingPace makes a stream that one can read along with.
const readingPace = 40 * time.Millisecond

// Options say where the demo runs.
type Options struct {
	// Out gets what is shown.
	Out io.Writer
	// Color allows ANSI colours in it.
	Color bool
	// Tour leads through all of it, instead of the show.
	Tour bool
	// Once ends the demo after that, instead of serving on.
	Once bool
	// Keys are those that somebody presses; nil where nobody can.
	Keys <-chan byte
	// Program is how a command line begins that runs this program.
	Program string
	// Pace is the pause before each word of a stream; 40 ms if zero.
	Pace time.Duration
	// EdgeStart starts the edge that is shown.
	EdgeStart func(EdgeOptions) (Edge, error)
	// Doctor examines the API at a URL, with a key.
	Doctor func(ctx context.Context, api, key string) (Verdict, error)
	// Report concludes from the census of the edge who needs it.
	Report func(ctx context.Context, edge Edge) (Account, error)
	// EdgeAddress, PageAddress and UpstreamAddress are where the three servers
	// listen, AdminAddress where the edge tells of itself. Where a port is taken,
	// a free one is used and said.
	EdgeAddress, AdminAddress, PageAddress, UpstreamAddress string

	// patience is how long the edge may take to tell of itself; 10 s if zero.
	patience time.Duration
}

// EdgeOptions say which edge the demo needs.
type EdgeOptions struct {
	// Address is for clients, AdminAddress for metrics and configuration.
	Address, AdminAddress string
	// UpstreamURL is what the edge stands in front of, AllowedOrigin the origin of
	// the page that may ask.
	UpstreamURL, AllowedOrigin string
	// Log gets the edge's log as a terminal would; Color allows ANSI colours in it.
	Log   io.Writer
	Color bool
}

// Edge is an edge that runs.
type Edge struct {
	URL, AdminURL string
	// AdminToken is what the admin listener asks for; empty: it asks for nothing.
	AdminToken string
	Stop       func()
}

// Verdict is what the doctor says.
type Verdict struct {
	Asked    int // requests
	Findings []Finding
	// KeyField is where the API looks for its key, Way how clients get there.
	KeyField, Way string
}

// Finding is one thing that the doctor has found.
type Finding struct {
	Kind, Text, Do string
	Problem        bool
}

// Account is what the report says.
type Account struct {
	Summary string
	// Callers are those who came, and why each of them needs the edge, if it does.
	Callers []string
	Needed  bool
}

// demo is the three servers and what is known of their exchanges.
type demo struct {
	opt   Options
	out   *printer
	seen  *ledger
	log   *edgeLog
	stops []func()
	// scraper reads the edge's metrics.
	scraper *http.Client

	edge                                    Edge
	upstreamURL, pageURL, edgeURL, adminURL string
	// firstWord is how long the model slow-reasoning lets one wait for it.
	firstWord time.Duration
}

// Run starts the three servers, shows them and serves until ctx ends. It
// returns an error if the servers do not start, or if it was to run once and
// what it showed is not what was promised.
func Run(ctx context.Context, opt Options) error {
	if opt.Pace == 0 {
		opt.Pace = readingPace
	}
	if opt.patience == 0 {
		opt.patience = 10 * time.Second
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	d := &demo{
		opt: opt, out: &printer{w: opt.Out, color: opt.Color}, seen: newLedger(), log: newEdgeLog(),
		scraper: &http.Client{Transport: transport, Timeout: opt.patience},
	}
	defer d.stop()
	if err := d.start(); err != nil {
		return err
	}
	s := &show{demo: d, ctx: ctx, client: &http.Client{Transport: transport}}
	if opt.Tour {
		s.tour()
	} else {
		s.story()
	}
	if ctx.Err() != nil || s.left {
		return nil // Ctrl-C in the middle of it
	}
	if opt.Once {
		if s.broken > 0 {
			return fmt.Errorf("%d of the things shown are not as promised", s.broken)
		}
		return nil
	}
	d.invite()
	d.seen.announce(d.out.ended)
	d.log.announce(d.out.line)
	s.serve()
	return nil
}

// start brings up upstream, page and edge, in the order in which each needs
// the address of the one before.
func (d *demo) start() error {
	if err := d.startUpstream(); err != nil {
		return err
	}
	ln, err := d.listenForPage()
	if err != nil {
		return err
	}
	if err := d.startEdge(); err != nil {
		return err
	}
	return d.servePage(ln)
}

func (d *demo) startEdge() error {
	adminAddress, err := d.freeAdminAddress()
	if err != nil {
		return err
	}
	return d.onFreePort(d.opt.EdgeAddress, func(address string) error {
		edge, err := d.opt.EdgeStart(EdgeOptions{
			Address: address, AdminAddress: adminAddress,
			UpstreamURL: d.upstreamURL, AllowedOrigin: d.pageURL,
			Log: d.log, Color: d.opt.Color,
		})
		if err != nil {
			return fmt.Errorf("start the edge: %w", err)
		}
		d.edge, d.edgeURL, d.adminURL = edge, openable(edge.URL), openable(edge.AdminURL)
		d.stops = append(d.stops, edge.Stop)
		return nil
	})
}

// freeAdminAddress tries the port before the edge does, whose error could mean
// either of its two.
func (d *demo) freeAdminAddress() (free string, err error) {
	err = d.onFreePort(d.opt.AdminAddress, func(address string) error {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("start the edge: %w", err)
		}
		free = ln.Addr().String()
		return ln.Close()
	})
	return free, err
}

func (d *demo) startUpstream() error {
	return d.onFreePort(d.opt.UpstreamAddress, func(address string) error {
		upstream := lookalike.New(lookalike.Options{
			PrimaryKey: subscriptionKey, CORS: lookalike.CORSLegacy, EventInterval: d.opt.Pace,
			OnRequest: d.seen.request, OnEnd: d.seen.end,
		})
		upstreamURL, err := upstream.Start(address)
		if err != nil {
			return fmt.Errorf("start the look-alike: %w", err)
		}
		d.upstreamURL, d.firstWord = openable(upstreamURL), upstream.FirstWord()
		d.stops = append(d.stops, func() { _ = upstream.Close() })
		return nil
	})
}

// stop ends the servers, the last one first: the edge lets go of upstream.
func (d *demo) stop() {
	for i := len(d.stops) - 1; i >= 0; i-- {
		d.stops[i]()
	}
}

// onFreePort starts at address, or on a free port beside it: whoever tries a
// demo often has something on 8080.
func (d *demo) onFreePort(address string, start func(address string) error) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err // an empty one would listen on every interface
	}
	if err := start(address); !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	d.out.say("%s is taken by another program; using a free port instead.", address)
	return start(net.JoinHostPort(host, "0"))
}

// openable returns the URL as a browser writes it, so that it can stand as an
// origin: not with the address that means all interfaces, nor with port 80.
func openable(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("localhost", u.Port())
	}
	u.Host = strings.TrimSuffix(u.Host, ":80")
	return u.String()
}
