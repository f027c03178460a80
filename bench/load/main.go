// Command load puts a bounded, constant load on an edge that is deployed
// somewhere and says how it went. It sends real requests with a real
// subscription key: whoever runs it pays for what the models answer.
//
//	export KEY=...
//	go run ./bench/load --target https://edge.example.com --key-from env:KEY --rate 5/s --duration 30s --stream --model gpt-4o
//
// Exit codes: 0 all went well or within --max-errors; 1 more errors than that,
// and the load was stopped; 2 nothing was sent because something is wrong with
// the flags; 130 interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const (
	exitWell        = 0
	exitErrors      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitWell
	}
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return exitUsage
	}
	if o.json != "-" {
		fmt.Fprintf(stdout, "%s: %d exchanges at %s for %v\n", o.place(), o.planned(), o.rateText(), o.duration)
	}
	r := newRun(o)
	r.drive(ctx)
	s := r.summary()
	if o.json != "-" {
		s.writeText(stdout)
	}
	if o.json != "" {
		if err := writeJSON(o.json, s, stdout); err != nil {
			fmt.Fprintln(stderr, "load:", err)
			return exitUsage
		}
	}
	switch {
	case s.Stopped:
		return exitErrors
	case ctx.Err() != nil:
		return exitInterrupted
	}
	return exitWell
}

func writeJSON(path string, s *summary, stdout io.Writer) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err = stdout.Write(text)
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
