// Package demo shows what apim-edge is for, to a person at a terminal: the 401
// that a client gets from a legacy API Management, the answer that the same
// client gets through the edge, word by word, and a page of another origin that
// chats through the edge. It plays upstream by package lookalike and is handed
// the edge as a function, so that it shows the edge that users run.
//
//	err := demo.Run(ctx, demo.Options{Out: os.Stdout, EdgeStart: start})
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
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
	// Once ends the demo after the show, instead of serving on.
	Once bool
	// Pace is the pause before each word of a stream; 40 ms if zero.
	Pace time.Duration
	// EdgeStart starts an edge on address, in front of upstreamURL, that allows
	// the pages of allowedOrigin. It returns the URL for clients and what stops
	// the edge.
	EdgeStart func(address, upstreamURL, allowedOrigin string) (edgeURL string, stop func(), err error)
	// EdgeAddress, PageAddress and UpstreamAddress are where the three servers
	// listen. Where a port is taken, a free one is used and said.
	EdgeAddress, PageAddress, UpstreamAddress string
}

// demo is the three servers and what is known of their exchanges.
type demo struct {
	opt   Options
	out   *printer
	seen  *ledger
	stops []func()

	upstreamURL, pageURL, edgeURL string
}

// Run starts the three servers, shows them and serves until ctx ends. It
// returns an error if the servers do not start, or if it was to run once and
// what it showed is not what was promised.
func Run(ctx context.Context, opt Options) error {
	if opt.Pace == 0 {
		opt.Pace = readingPace
	}
	d := &demo{opt: opt, out: &printer{w: opt.Out, color: opt.Color}, seen: &ledger{}}
	defer d.stop()
	if err := d.start(); err != nil {
		return err
	}
	broken := d.show(ctx)
	if ctx.Err() != nil {
		return nil // Ctrl-C in the middle of the show
	}
	if opt.Once {
		if broken > 0 {
			return fmt.Errorf("%d of the things shown are not as promised", broken)
		}
		return nil
	}
	d.invite()
	d.seen.announce(d.out.ended)
	<-ctx.Done()
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
	return d.onFreePort(d.opt.EdgeAddress, func(address string) error {
		edgeURL, stop, err := d.opt.EdgeStart(address, d.upstreamURL, d.pageURL)
		if err != nil {
			return fmt.Errorf("start the edge: %w", err)
		}
		d.edgeURL = openable(edgeURL)
		d.stops = append(d.stops, stop)
		return nil
	})
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
		d.upstreamURL = openable(upstreamURL)
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
	err := start(address)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return err
	}
	d.out.say("%s is taken by another program; using a free port instead.", address)
	return start(net.JoinHostPort(host, "0"))
}

// openable replaces the address that means all interfaces by one that a
// browser can open and that can stand as an origin.
func openable(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("localhost", u.Port())
	}
	return u.String()
}
