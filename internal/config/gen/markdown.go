package main

import (
	"bytes"
	"fmt"
	"strings"
)

const markdownHead = `# Configuration

<!-- Generated from internal/config by go generate ./internal/config. -->

apim-edge reads one YAML file. The smallest one is [minimal.yaml](../configs/minimal.yaml);
[reference.yaml](../configs/reference.yaml) has every key with its default, and
[recipes](../configs/recipes) has whole files for common cases. ` + "`apim-edge check --config FILE`" + `
tells every mistake in a file at once, each with its line.

## Where values come from

Later ones win:

1. the defaults on this page,
2. the YAML file (` + "`--config FILE`" + `),
3. environment variables,
4. flags. ` + "`--upstream URL`" + ` makes an upstream and a route that are both named ` + "`default`" + `.

**Environment.** The variable of a key is ` + "`APIM_EDGE__`" + ` and the key in upper case, with two
underscores between the levels: ` + "`timeouts.connect`" + ` is ` + "`APIM_EDGE__TIMEOUTS__CONNECT`" + `. Names of
upstreams, routes and models are part of it: ` + "`APIM_EDGE__UPSTREAMS__LEGACY__URL`" + `. What a variable
cannot have of a name in the file is written as an underscore: hyphens, dots, slashes.

- Lists are separated by commas and replace the list below them.
- An empty variable says nothing.
- A variable that belongs to no key is an error, so that a slip is seen. ` + "`APIM_EDGE_PORT`" + ` and the
  like, which Kubernetes sets by itself, have one underscore and are not looked at. Where such a
  name would be a key with two, a warning says so.
- Nothing in the file is expanded: a value such as ` + "`${HOST}`" + ` is an error.

**Unset and empty.** A key that is not written has its default. ` + "`[]`" + ` is a list without elements, and
0 is 0. A section with nothing below it says nothing. In lists and sections there are no further
defaults: a list that is written replaces the default one.

Tests: [load_test.go](../internal/config/load_test.go).

## How values are written

| kind | written as | not as |
|---|---|---|
| time | ` + "`300ms`, `10s`, `5m`, `1h30m`, `0`" + `; at most ` + "`8760h`" + ` | ` + "`30`" + ` (seconds? nanoseconds?) |
| size | ` + "`512B`, `64KiB`, `1MiB`, `2GiB`, `0`" + ` | ` + "`64KB`, `65536`" + ` |
| number | ` + "`100`" + ` | ` + "`1e2`, `'100'`, `1.5`" + ` |
| truth value | ` + "`true`, `false`" + ` | ` + "`yes`, `on`, `1`" + ` |
| secret | ` + "`env:NAME`, `file:/path`, `keyvault:https://VAULT/secrets/NAME`" + ` | the secret itself |
| names and texts | ` + "`{oid: X-Caller-Oid}`" + `, in a variable ` + "`oid=X-Caller-Oid`" + ` | a list |
| name of an upstream, route, policy or client | lower-case letters and digits, single ` + "`-` or `_`" + ` in between | ` + "`Contoso.EU`" + ` |

Unknown keys, a key that stands there twice, and values of another kind are errors. Paths of files
may be relative to the working directory.

Tests: [all messages](../internal/config/testdata/invalid).

## Changes while it runs

The file is watched, and so are the certificates, keys and secret files that it names. A change is
seen however it is made: written in place, replaced, swapped as Kubernetes does for a ConfigMap,
removed and made again.

A changed configuration is checked as a whole before it is used. A wrong one is told in the log, and
the old one stays.

SIGHUP reads everything again. That is the way where no change can be seen: a ConfigMap that is
mounted with subPath, or a network file system.

Tests: [TestWatchSeesEveryWayOfChange](../internal/config/watch_test.go).
`

func markdownFile(root key) []byte {
	var out bytes.Buffer
	out.WriteString(markdownHead)
	for _, child := range root.children {
		if child.hasKeys() {
			section(&out, child)
		}
	}
	out.WriteString("\n## At the top level\n\n")
	for _, child := range root.children {
		if !child.hasKeys() {
			entry(&out, child)
		}
	}
	return out.Bytes()
}

// section writes the keys of a section, and then the sections in it.
func section(out *bytes.Buffer, k key) {
	path := k.path
	if k.element != nil {
		path += ".<name>"
	}
	fmt.Fprintf(out, "\n## %s\n\n%s\n\n", code(path), lines(k.text, ""))
	if k.element != nil {
		k = *k.element
	}
	for _, child := range k.children {
		if !child.hasKeys() {
			entry(out, child)
		}
	}
	for _, child := range k.children {
		switch {
		case child.items != nil:
			items := *child.items
			items.text = "Each section of the list has these keys."
			section(out, items)
		case child.hasKeys():
			section(out, child)
		}
	}
}

func entry(out *bytes.Buffer, k key) {
	what := fmt.Sprintf("- **%s**: %s; default: %s", code(k.name), k.allowed(), k.fallback())
	text := strings.NewReplacer("*", `\*`, "<", `\<`, "_", `\_`).Replace(k.text)
	fmt.Fprintf(out, "%s  \n  %s", lines(what, "  "), lines(text, "  "))
	if name := k.variable(); name != "" {
		fmt.Fprintf(out, "  \n  %s", code(name))
	}
	out.WriteString("\n")
}

// lines returns a text in lines of up to 98 columns, the indent included; each after the
// first stands behind it.
func lines(text, indent string) string {
	return strings.Join(wrap(text, 98-len(indent)), "\n"+indent)
}
