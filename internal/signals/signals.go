// Package signals takes what the system tells a serving edge, from the first moment
// at which a program can. Until then a SIGHUP ends the process, as systemctl reload
// right behind a start would. Go initialises a package as soon as what it imports is,
// in the order of their paths: this one imports next to nothing, so that nearly
// everything else comes behind it. What is left before it is the start of Go's runtime
// and of what os/signal itself needs.
package signals

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Told are the signals taken. Those that come early wait for whoever reads.
type Told struct {
	Reload <-chan os.Signal // the last of many is as good as all of them
	End    <-chan os.Signal // channels of their own: many SIGHUPs must not displace a SIGTERM
	// Nohup says that whoever started the edge wants it to outlive its terminal.
	Nohup bool
}

// Take takes the signals from the system, once.
var Take = sync.OnceValue(func() Told {
	nohup := signal.Ignored(syscall.SIGHUP)
	reload, end := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	// The reader of the log may end: a write to standard error that nobody reads is
	// then an error, and no SIGPIPE that ends the process. Neither may a terminal
	// stop it (stty tostop) for what it has to say.
	signal.Ignore(harmless...)
	return Told{Reload: reload, End: end, Nohup: nohup}
})

var _ = takeEarly()

// takeEarly takes them where the command line asks for an edge that serves. The
// other commands end by a signal, and quietly where nobody reads what they write.
func takeEarly() bool {
	serves := Serves(os.Args[1:])
	if serves {
		Take()
	}
	return serves
}

// Serves reports whether a command line asks for an edge that serves, which need not
// be said: flags alone do as well. It looks for what asks for anything else, wherever it
// stands. A value that is spelled like it only has the signals taken later.
func Serves(args []string) bool {
	for _, arg := range args {
		switch arg {
		case "check", "completion", "config", "demo", "diagnose", "doctor", "explain", "export", "fmt", "format", "health", "help", "import", "key", "man", "report", "schema", "validate", "version", "__complete", "__completeNoDesc",
			"--help", "-h", "--version", "-v":
			return false
		}
	}
	return len(args) > 0
}
