package load

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Command is a program that holds a load for a person, and says whether all of it held.
type Command struct {
	Name, Help string
	Flags      func(*flag.FlagSet)
	// Check says what is wrong with the flags.
	Check func() error
	// Run is the work. A first Ctrl-C ends ctx, a second one the program.
	Run func(ctx context.Context) (held bool, err error)
}

// Main runs it, unless this process is an upstream.
func (c *Command) Main() {
	ActUpstream()
	os.Exit(c.main(os.Args[1:]))
}

// main returns the exit code: 0 all held, 1 something did not, 2 wrong usage.
func (c *Command) main(args []string) int {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), c.Help)
		flags.PrintDefaults()
	}
	c.Flags(flags)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil: // the flags have said it
		return 2
	}
	if err = c.Check(); err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("there is nothing but flags: %q", flags.Args())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v; see --help\n", c.Name, err)
		return 2
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, cancel)
	held, err := c.Run(ctx)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", c.Name, err)
	}
	if err != nil || !held {
		return 1
	}
	return 0
}
