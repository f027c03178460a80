package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/curl"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// asked is the request that explain is to explain, as flags say it.
type asked struct {
	method, data, shell string
	fields              []string
	online              bool
}

func newExplainCommand() *cobra.Command {
	var from source
	var req asked
	cmd := &cobra.Command{
		Use: "explain [flags] URL | curl ... | -", SuggestFor: []string{"curl", "why", "trace", "test"},
		Short: "Say what would become of a request, and why",
		Long: `explain takes a request, as flags or as a curl line, through the same engine that
serves, and prints the route, the credential decision with its reason, the head
that would go upstream, and what a page's origin would see.
Nothing is sent. Secrets are shown as ***. Where the route asks for a token, every
check is shown with its verdict; signatures are checked with --online only.

  apim-edge explain -u https://contoso.azure-api.net -H "Authorization: Bearer 0123abcd" /openai/v1/models
  apim-edge explain -c config.yaml curl https://edge.example.com/openai/v1/models -H "api-key: 0123abcd"
  apim-edge explain -c config.yaml - <request.sh          curl lines on standard input

Standard input may be what a browser copies as cURL (bash, cmd or PowerShell), a
line of documentation, or a script: pipes, comments, here-documents, continuation
lines and several commands are understood, and each request is explained. A
variable is what the text or the environment sets; of one that is not set, explain
says what holds for a subscription key and what for a token. What is not
understood is named, and ends with exit code 2.

Exit code: 0 the request would be forwarded or its preflight allowed, 1 refused,
2 wrong usage or not understood. Of several requests, the worst counts.`,
		RunE: func(cmd *cobra.Command, args []string) error { return explain(cmd, &from, &req, args) },
	}
	from.addTo(cmd)
	f := cmd.Flags()
	f.StringVarP(&req.method, "request", "X", "", "method (default GET, or POST with --data)")
	f.StringArrayVarP(&req.fields, "header", "H", nil, `field, for example "Authorization: Bearer 0123abcd"; repeatable`)
	f.StringVarP(&req.data, "data", "d", "", "body, or @file; only its length matters")
	f.StringVar(&req.shell, "shell", "", "whose quotes standard input has: sh, cmd or powershell (default: seen by the text)")
	f.BoolVar(&req.online, "online", false, "ask the issuers of tokens for their keys, to check signatures")
	completesFlag(cmd, "shell", cobra.FixedCompletions([]string{"sh", "cmd", "powershell"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.ValidArgsFunction = from.paths
	f.SetInterspersed(false) // what stands behind curl is curl's
	return cmd
}

func explain(cmd *cobra.Command, from *source, req *asked, args []string) error {
	requests, err := req.requests(cmd, args)
	if err != nil {
		return usageError{err}
	}
	conf, err := from.load(cmd)
	if err != nil {
		return err
	}
	edge, done, err := compile(conf, req.online)
	if err != nil {
		return err
	}
	defer done()
	p := printer{out: cmd.OutOrStdout(), edge: edge}
	refused := false
	for i := range requests {
		if len(requests) > 1 {
			p.heading(i+1, len(requests), requests[i].Method)
		}
		bad, err := p.request(&requests[i])
		if err != nil {
			return usageError{err}
		}
		refused = refused || bad
	}
	if refused {
		return silentError{errors.New("refused")}
	}
	return nil
}

// requests reads the arguments: a URL or path with flags, a curl line, or "-" for
// curl lines on standard input.
func (a *asked) requests(cmd *cobra.Command, args []string) ([]curl.Request, error) {
	commands, err := a.commands(cmd, args)
	if err != nil {
		return nil, err
	}
	var all []curl.Request
	for _, c := range commands {
		requests, err := c.Requests()
		if err != nil {
			return nil, err
		}
		all = append(all, requests...)
	}
	return all, nil
}

var errNoURL = errors.New("no URL; for example: apim-edge explain -u https://contoso.azure-api.net /openai/v1/models")

func (a *asked) commands(cmd *cobra.Command, args []string) ([]curl.Command, error) {
	if len(args) > 0 && isCurl(args[0]) {
		return []curl.Command{curl.FromWords(args[1:])}, nil
	}
	if len(args) > 1 { // flags behind the URL
		first := args[:1:1]
		cmd.Flags().SetInterspersed(true)
		if err := cmd.ParseFlags(args[1:]); err != nil {
			return nil, err
		}
		args = append(first, cmd.Flags().Args()...)
	}
	switch {
	case len(args) == 0 || args[0] == "":
		return nil, errNoURL
	case len(args) > 1:
		return nil, errors.New("give one URL, or a curl line that begins with curl")
	case args[0] == "-":
		return a.pasted(cmd.InOrStdin())
	case strings.HasPrefix(args[0], "curl ") || strings.HasPrefix(args[0], "curl.exe "): // a line in quotes
		return curl.Read(args[0], curl.Shell(a.shell), os.LookupEnv)
	}
	return []curl.Command{a.bare(args[0])}, nil
}

const maxPasted = 1 << 20

// pasted reads the curl commands on standard input.
func (a *asked) pasted(in io.Reader) ([]curl.Command, error) {
	if f, ok := in.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		fmt.Fprintln(os.Stderr, "Paste the curl line, then press Ctrl-D on a line of its own.")
	}
	text, err := readPasted(in, "give it the curl line alone")
	if err != nil {
		return nil, err
	}
	commands, err := curl.Read(string(text), curl.Shell(a.shell), os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("the curl line on standard input: %w", err)
	}
	return commands, nil
}

// readPasted reads all of standard input, or says what to do where that is too much.
func readPasted(in io.Reader, advice string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxPasted+1))
	if err == nil && len(text) > maxPasted {
		err = errors.New("standard input is larger than 1 MiB; " + advice)
	}
	return text, err
}

func isCurl(word string) bool {
	base := filepath.Base(word)
	return base == "curl" || base == "curl.exe"
}

// bare is a request that is made of flags: it has the fields that are named, and no
// others.
func (a *asked) bare(target string) curl.Command {
	var words []string
	if a.method != "" {
		words = append(words, "-X", a.method)
	}
	if a.data != "" {
		words = append(words, "-d", a.data)
	}
	for _, f := range a.fields {
		words = append(words, "-H", f)
	}
	c := curl.FromWords(append(words, "-g", "--", target))
	c.Bare = true
	return c
}

// compile makes the engine that serve would run, without a listener. Issuers are asked
// with online only, and then waited for.
func compile(conf config.Config, online bool) (edge *proxy.Edge, done func(), err error) {
	quiet := zerolog.New(io.Discard)
	edge = proxy.NewEdge(quiet, io.Discard, record.NewMetrics(version, func() float64 { return 0 }), nil)
	if !online {
		edge.Offline()
	}
	snapshot, err := edge.Compile(conf)
	if err != nil {
		return nil, nil, err
	}
	edge.Use(snapshot)
	if online {
		edge.AwaitKeys(onlineTime)
	}
	return edge, edge.Close, nil
}

// onlineTime is how long issuers are waited for: one question and a second one.
const onlineTime = 8 * time.Second
