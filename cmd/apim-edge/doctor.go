package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/doctor"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// patient is what doctor is asked to do, as flags say it.
type patient struct {
	from                          source
	key, token, edge, text, write string
	json                          bool
	opt                           doctor.Options
}

// answerPatience is how long one answer is awaited where nobody says otherwise.
const answerPatience = 20 * time.Second

// doctorDefaults are the options of an examination of which nothing is said.
func doctorDefaults() doctor.Options {
	return doctor.Options{
		Origin: "https://chat.example.com", APIVersion: doctor.LegacyAPIVersion, Timeout: answerPatience, Agent: "apim-edge-doctor/" + version,
	}
}

func newDoctorCommand() *cobra.Command {
	p := patient{opt: doctorDefaults()}
	cmd := &cobra.Command{
		Use: "doctor", Aliases: []string{"diagnose"}, SuggestFor: []string{"probe", "debug", "troubleshoot", "diagnostics"},
		Short: "Examine an API, or an error text, and say what to change",
		Long: `doctor sends a small fixed set of harmless requests to an API behind API Management:
without a credential, with a key in each place, with a token, in the v1 and the
legacy shape, and a browser's preflight. It says which field the API wants, which
of the ways to get there is in place, what stands between, and prints the
configuration to use, or why none will do. Without --key it tries a made-up key:
which field is looked at shows all the same.

  apim-edge doctor --upstream https://contoso.azure-api.net
  apim-edge doctor --upstream https://contoso.azure-api.net --key env:APIM_KEY --write edge.yaml
  apim-edge doctor --config edge.yaml --key env:APIM_KEY --edge http://localhost:8080
  apim-edge doctor --upstream https://contoso.azure-api.net --key env:APIM_KEY --stream --model gpt-4o
  apim-edge doctor --upstream https://contoso.azure-api.net --key env:APIM_KEY --idle 6m

It also says what an error means that somebody has pasted: a stack trace, JSON, a
line of a log. Nothing is sent then:

  apim-edge doctor --error "401 Access denied due to missing subscription key."
  apim-edge doctor --error - <trace.txt

The requests ask for a deployment that does not exist, or have an empty body, and
cost nothing. --stream costs up to 64 tokens, twice with --edge. A wrong key is
tried, and one in the query where no field will do: the API's log shows both.
Keys and tokens are named (env:NAME or file:/path), and never shown.

Exit code: 0 nothing has to be changed, or the error text is known; 1 something
has, or the text is not known; 2 wrong usage.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVarP(&p.from.upstream, "upstream", "u", "", "URL of the API")
	f.StringVarP(&p.from.file, "config", "c", "", "configuration file (YAML) whose routes are examined, each")
	alsoFile(f)
	f.StringVar(&p.key, "key", "", "subscription key to try: env:NAME or file:/path")
	f.StringVar(&p.token, "token", "", "token to try: env:NAME or file:/path")
	f.StringVar(&p.edge, "edge", "", "URL of a running edge: asks the same through it, side by side")
	f.StringVar(&p.text, "error", "", "error text to explain, or - for standard input")
	f.BoolVar(&p.opt.Stream, "stream", false, "ask for a streamed answer, which costs a few tokens")
	f.StringVar(&p.opt.Deployment, "model", "", "model (v1) or deployment (legacy) to ask for (default one that does not exist)")
	f.DurationVar(&p.opt.Idle, "idle", 0, "hold connections and half-sent requests silent for so long, to see who cuts them, such as 6m")
	f.StringVar(&p.opt.Origin, "origin", p.opt.Origin, "origin of the page whose preflight is asked")
	f.StringVar(&p.opt.APIVersion, "api-version", p.opt.APIVersion, "api-version of legacy paths")
	f.DurationVar(&p.opt.Timeout, "timeout", p.opt.Timeout, "the longest that one answer is awaited")
	f.StringVarP(&p.write, "write", "w", "", "write the configuration to this file, which must not exist")
	f.BoolVar(&p.json, "json", false, "print JSON")
	return cmd
}

func (p *patient) run(cmd *cobra.Command) error {
	if cmd.Flags().Changed("error") {
		if p.from.upstream+p.from.file+p.edge != "" {
			return usageError{errors.New("--error explains a text, and asks no API: leave out --upstream, --config and --edge")}
		}
		return p.explain(cmd)
	}
	targets, err := p.targets(cmd)
	if err != nil {
		return err
	}
	if p.opt.Key, err = named("key", p.key); err != nil {
		return usageError{err}
	}
	if p.opt.Token, err = named("token", p.token); err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p.opt.Progress = func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), "apim-edge:", text) } //nolint:errcheck // nobody is left to tell
	report := doctor.Examine(ctx, targets, p.opt)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err := p.show(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	if err := p.save(cmd.ErrOrStderr(), report); err != nil {
		return err
	}
	if !report.Healthy() {
		return silentError{errors.New("something has to be changed")}
	}
	return nil
}

func (p *patient) show(out io.Writer, report doctor.Report) error {
	if p.json {
		return printJSON(out, report)
	}
	doctor.Printer{Out: out, Color: colorWanted(os.Stdout)}.Print(report)
	return nil
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// targets reads what is to be examined.
func (p *patient) targets(cmd *cobra.Command) ([]doctor.Target, error) {
	var edge *url.URL
	switch {
	case p.from.upstream == "" && p.from.file == "" && p.edge != "":
		return nil, usageError{errors.New("--edge asks the same through an edge: name the API behind it as well, by --upstream URL, or by --config FILE of that edge")}
	case p.from.upstream == "" && p.from.file == "":
		return nil, usageError{errors.New("nothing to examine; for example: apim-edge doctor --upstream https://contoso.azure-api.net, or --config FILE, or --error -")}
	case p.from.upstream != "" && p.from.file != "":
		return nil, usageError{errors.New("give --upstream or --config, not both")}
	case p.write != "" && p.from.upstream == "":
		return nil, usageError{errors.New("--write goes with --upstream: what to change in a configuration of your own is printed")}
	case p.opt.Stream && p.opt.Deployment == "":
		return nil, usageError{errors.New("--stream needs --model: the name of a model (v1) or deployment (legacy)")}
	case p.opt.Timeout <= 0 || p.opt.Idle < 0:
		return nil, usageError{errors.New("--timeout and --idle: want a time, such as 20s")}
	case p.edge != "":
		u, err := url.Parse(p.edge)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return nil, usageError{errors.New("--edge: want a URL such as http://localhost:8080, without user name and query")}
		}
		edge = u
	}
	if p.write != "" {
		if _, err := os.Lstat(p.write); err == nil {
			return nil, usageError{fmt.Errorf("--write: %s exists; name a new file", p.write)}
		}
	}
	conf, err := p.from.load(cmd)
	if err != nil {
		return nil, err
	}
	return doctor.Targets(conf, edge, p.from.upstream == "")
}

// named returns the secret that a flag names. What does not name one may be it.
func named(flag, ref string) (secret.Value, error) {
	if ref == "" {
		return secret.Value{}, nil
	}
	source, err := secret.Parse(ref)
	if err != nil {
		return secret.Value{}, fmt.Errorf("--%s: want env:NAME or file:/path; what stands on a command line is in the shell's history, and is not shown here", flag)
	}
	value, err := source.Current()
	if err != nil {
		return secret.Value{}, fmt.Errorf("--%s: %w", flag, err)
	}
	return secret.New(strings.TrimSpace(value.Reveal())), nil
}

// save writes the configuration to use.
func (p *patient) save(told io.Writer, report doctor.Report) error {
	if p.write == "" {
		return nil
	}
	text := report.Examined[0].Configuration
	if text == "" {
		fmt.Fprintf(told, "apim-edge: nothing was written to %s: %s\n", p.write, report.Examined[0].WhyNone) //nolint:errcheck // nobody is left to tell
		return silentError{errors.New("no configuration")}
	}
	if err := writeNew(p.write, text, false); err != nil {
		return err
	}
	fmt.Fprintf(told, "apim-edge: wrote %s; next: apim-edge serve --config %s\n", p.write, p.write) //nolint:errcheck // nobody is left to tell
	return nil
}

// explain says what a pasted text means.
func (p *patient) explain(cmd *cobra.Command) error {
	text := p.text
	if text == "-" {
		if f, ok := cmd.InOrStdin().(*os.File); ok && isatty.IsTerminal(f.Fd()) {
			fmt.Fprintln(cmd.ErrOrStderr(), "Paste the error, then press Ctrl-D on a line of its own.") //nolint:errcheck // nobody is left to tell
		}
		all, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxPasted))
		if err != nil {
			return err
		}
		text = string(all)
	}
	if strings.TrimSpace(text) == "" {
		return usageError{errors.New("--error: no text; paste one in quotes, or give - and paste it on standard input")}
	}
	m := doctor.Explain(text)
	if p.json {
		if err := printJSON(cmd.OutOrStdout(), m); err != nil {
			return err
		}
	} else {
		doctor.Printer{Out: cmd.OutOrStdout()}.PrintMeaning(m)
	}
	if !m.Known {
		return silentError{errors.New("not known")}
	}
	return nil
}
