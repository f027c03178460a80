package curl

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testcpu"
)

// TestWindows holds what cmd.exe and PowerShell make of a text. Neither runs where
// these tests do: the wanted words are those that curl.exe prints there.
func TestWindows(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string // the words of the first command
	}{
		{"copied from Chrome (cmd)", "curl ^\"http://edge/openai/v1/chat/completions?a=b^&c=d^\" ^\r\n" +
			"  -H ^\"accept: */*^\" ^\r\n" +
			"  -H ^\"authorization: Bearer 0123abcd^\" ^\r\n" +
			"  -H ^\"sec-ch-ua: ^\\^\"Chromium^\\^\";v=^\\^\"140^\\^\"^\" ^\r\n" +
			"  --data-raw ^\"^{^\\^\"model^\\^\":^\\^\"gpt-4o^\\^\",^\\^\"p^\\^\":^\\^\"100%^25^\\^\"^}^\"\r\n",
			[]string{"http://edge/openai/v1/chat/completions?a=b&c=d", "-H", "accept: */*", "-H", "authorization: Bearer 0123abcd",
				"-H", `sec-ch-ua: "Chromium";v="140"`, "--data-raw", `{"model":"gpt-4o","p":"100%25"}`}},
		{"a line end in a body of Chrome (cmd)", "curl ^\"http://edge/^\" --data-raw ^\"a^\n\nb^\"",
			[]string{"http://edge/", "--data-raw", "a\nb"}},
		{"older Chrome (cmd)", "curl \"http://edge/a?b=c&d=e\" ^\r\n  -H \"accept: a^b\" ^\r\n  --data-binary \"{\\\"a\\\":\\\"b\\\"}\" ^\r\n  --compressed",
			[]string{"http://edge/a?b=c&d=e", "-H", "accept: a^b", "--data-binary", `{"a":"b"}`, "--compressed"}},
		{"a script of cmd", "@echo off\r\nrem the key\r\nset KEY=0123abcd\r\nset \"URL=http://edge/a\"\r\ncurl.exe -s \"%URL%\" -H \"api-key: %KEY%\" >nul 2>&1 | findstr x\r\n",
			[]string{"-s", "http://edge/a", "-H", "api-key: 0123abcd"}},
		{"a variable of cmd that is not set", `curl.exe http://edge/a -H "api-key: %API_KEY%"`,
			[]string{"http://edge/a", "-H", "api-key: " + Variable("%API_KEY%")}},
		{"a prompt of cmd", "C:\\Users\\x>curl \"http://edge/a\" ^\n -d \"a\"", []string{"http://edge/a", "-d", "a"}},
		{"two quotes in quotes", "curl.exe -d \"a\"\"b\" \"c\\\\\" d\\e -H \"x: \\\"y\\\"\"", []string{"-d", `a"b`, `c\`, `d\e`, "-H", `x: "y"`}},

		{"PowerShell", "curl.exe -X POST 'http://edge/a' `\r\n  -H \"api-key: $env:API_KEY\" `\r\n  -d '{\"a\": \"it''s\"}'\r\n",
			[]string{"-X", "POST", "http://edge/a", "-H", "api-key: " + Variable("$env:API_KEY"), "-d", `{"a": "it's"}`}},
		{"PowerShell with variables", "$env:API_KEY = \"0123abcd\"\n$uri = 'http://edge/a' # where\n$r = curl.exe \"$uri/b\" -H \"api-key: ${env:API_KEY}\" | ConvertFrom-Json; $r",
			[]string{"http://edge/a/b", "-H", "api-key: 0123abcd"}},
		{"PowerShell and another command", "curl.exe http://edge/a -H \"Authorization: Bearer $(az account get-access-token (x))\" 2>$null > out.json",
			[]string{"http://edge/a", "-H", "Authorization: Bearer " + Variable("$(...)")}},
		{"a here-string of PowerShell", "$body = @'\n{\"a\": \"$b\"}\n'@\ncurl.exe http://edge/a -d $body", []string{"http://edge/a", "-d", `{"a": "$b"}`}},
		{"a here-string with a variable", "$b = 'x'\ncurl.exe http://edge/a -d @\"\n{\"a\": \"$b\"}\n\"@", []string{"http://edge/a", "-d", `{"a": "x"}`}},
		{"backticks in double quotes", "PS C:\\> curl.exe -d \"{`\"a`\": `$b}\" http://edge/a", []string{"-d", `{"a": $b}`, "http://edge/a"}},
		{"typographic quotes of PowerShell", "curl.exe \u201chttp://edge/a\u201d -H \u2018a: b\u2019 `\n -s", []string{"http://edge/a", "-H", "a: b", "-s"}},
		{"two quotes in quotes of PowerShell", "curl.exe -H \"a: \"\"b\"\"\" http://edge/$env:X", []string{"-H", `a: "b"`, "http://edge/" + Variable("$env:X")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			commands, err := Read(tc.text, Auto, nothing)
			if err != nil {
				t.Fatal(err)
			}
			if len(commands) != 1 || !slices.Equal(commands[0].Words, tc.want) {
				t.Errorf("got %+q\nwant %q", fmt.Sprint(commands), tc.want)
			}
		})
	}
}

// TestWordsKeepTheVariablesThatNoShellReplaced: words come from a shell that has
// done its work, so what is left of a variable was in quotes, or of another shell.
func TestWordsKeepTheVariablesThatNoShellReplaced(t *testing.T) {
	for _, tc := range []struct{ word, want string }{
		{"api-key: $KEY", "api-key: " + Variable("$KEY")},
		{"Authorization: Bearer ${token}", "Authorization: Bearer " + Variable("${token}")},
		{"Authorization: Bearer $token", "Authorization: Bearer " + Variable("$token")},
		{"api-key: %API_KEY%", "api-key: " + Variable("%API_KEY%")},
		{"api-key: $env:Key", "api-key: " + Variable("$env:Key")},
		{"http://edge/$DEPLOYMENT?$top=5", "http://edge/" + Variable("$DEPLOYMENT") + "?$top=5"},
		{"http://edge/%E4%B8%AD?a=100%25", "http://edge/%E4%B8%AD?a=100%25"},
		{`{"$ref": "$KEY"}`, `{"$ref": "$KEY"}`},
		{"costs 5$", "costs 5$"},
	} {
		if got := FromWords([]string{tc.word}).Words[0]; got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func nothing(string) (string, bool) { return "", false }

// TestWhatIsNotUnderstoodIsSaid holds that nothing is guessed in silence, and that
// no value is quoted: it could be a secret.
func TestWhatIsNotUnderstoodIsSaid(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"an option of no curl", `curl --nonsense http://edge/`, "--nonsense is not understood here"},
		{"a letter of no option", `curl -s! http://edge/`, "-... is not understood here"},
		{"an option that would change the request", `curl --aws-sigv4 SECRET http://edge/`, "--aws-sigv4 is not understood here; leave it out"},
		{"a file of options", `curl -K SECRET http://edge/`, "-K is not understood here; write the options of the file into the line"},
		{"HTTP/2 at once", `curl --http2-prior-knowledge http://edge/`, "apim-edge speaks HTTP/1.1"},
		{"an option without its value", `curl http://edge/ -H`, "-H needs a value"},
		{"no URL", `curl -H 'a: SECRET'`, "no URL"},
		{"no host", `curl /v1/models`, "the URL has no host"},
		{"another protocol", `curl ftp://SECRET/`, "neither http nor https"},
		{"several URLs in one", `curl 'http://edge/{SECRET,b}'`, "add -g"},
		{"a range of URLs", `curl 'http://edge/[1-3]'`, "add -g"},
		{"a space in the URL", `curl 'http://edge/SECRET b'`, "contains a space"},
		{"a URL that begins with a variable", `curl "$BASE_URL/v1/models"`, "begins with a variable"},
		{"a host outside ASCII", `curl http://füü/`, "xn--"},
		{"two bodies of different kinds", `curl -d SECRET -F a=b http://edge/`, "it takes one"},
		{"a body and HEAD", `curl -I -d SECRET http://edge/`, "it takes one"},
		{"fields of a file that is not here", `curl -H @/nowhere/SECRET http://edge/`, "cannot be read here"},
		{"a field over two lines", "curl -H $'a: SECRET\\nb: c' http://edge/", "on one line"},
		{"quotes that do not end", `curl 'http://edge/SECRET`, "ends inside quotes"},
		{"brackets that do not fit", `curl http://edge/ )SECRET`, "cannot be read as a command of a shell"},
		{"typographic quotes", "curl http://edge/ -H \u201cAuthorization: Bearer SECRET\u201d", "typographic quotes"},
		{"words from braces", `curl http://edge/ -d {"a":1,"b":"SECRET"}`, "put it in single quotes"},
		{"words from a list", `curl http://edge/ "${SECRET[@]}"`, "write them out"},
		{"words from a variable with spaces", "OPTS='-H SECRET'\ncurl $OPTS http://edge/", "the shell makes several words of it"},
		{"a space behind a continuation", "curl http://edge/ \\ \n  -H 'a: SECRET'", "is there one behind the character that continues a line"},
		{"a space behind a continuation of PowerShell", "curl.exe http://edge/ ` \n  -H 'a: SECRET' `\n -s", "is there one behind the character that continues a line"},
		{"a variable that is empty", "URL=\ncurl \"$URL\"", "is a variable empty?"},
		{"brackets that would fill the stack", strings.Repeat("$(", 1<<19), "brackets in brackets"},
		{"another program", `wget http://SECRET/`, "no other is understood"},
		{"another command of PowerShell", `Invoke-RestMethod -Uri http://SECRET/ -Headers @{a="b"}`, `"Copy as cURL"`},
		{"a program of a page", `fetch("http://SECRET/", {headers: {a: "b"}})`, "no other is understood"},
		{"a word about curl", `apt install curl`, "no curl command"},
		{"nothing", ``, "no curl command"},
		{"a list of PowerShell", "curl.exe http://edge/ -d @SECRET `\n -s", "put it in quotes"},
		{"the rest as it is, in PowerShell", "curl.exe --% http://edge/ `\n -s", "--% is not understood"},
		{"quotes that do not end, in PowerShell", "curl.exe http://edge/ `\n -H 'SECRET", "ends inside quotes"},
		{"quotes that do not end, in cmd", "curl http://edge/ ^\n -H \"SECRET", "ends inside quotes"},
		{"UTF-16", "c\x00u\x00r\x00l\x00", "UTF-16"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			commands, err := Read(tc.text, Auto, nothing)
			for _, c := range commands {
				if err == nil {
					_, err = c.Requests()
				}
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "SECRET") && !strings.Contains(tc.want, "SECRET") {
				t.Errorf("the error quotes a value: %v", err)
			}
		})
	}
}

func TestWhatHadToBeAssumedIsSaid(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"a variable in single quotes", `curl http://edge/ -H 'api-key: $AZURE_KEY'`, "$AZURE_KEY stands in single quotes"},
		{"an & without quotes", `curl http://edge/a?b=c&d=SECRET -H 'x: y'`, "an & is not in quotes"},
		{"a field without a colon", `curl http://edge/ -H 'Authorization Bearer SECRET'`, "curl does not send a -H without a colon"},
		{"nothing behind Bearer", `curl http://edge/ -H 'Authorization: Bearer '`, "was a variable empty?"},
		{"a body from a pipe", `cat SECRET | curl http://edge/ -d @-`, "standard input is not known here"},
		{"a body of a file that is not here", `curl http://edge/ -d @/nowhere/SECRET`, "cannot be read here"},
		{"a body that is no file", `curl http://edge/ -d @/dev/null`, "no file of a usual size"},
		{"a body with variables", `curl http://edge/ -d "{$A}"`, "its length is not exact"},
		{"cookies of a file", `curl http://edge/ -b SECRET`, "the cookies of a file are left out"},
		{"userinfo", `curl http://a:SECRET@edge/`, "curl sends them as Authorization: Basic"},
		{"digest", `curl --digest -u a:SECRET http://edge/`, "--digest sends no credential"},
		{"no continuation", "curl http://edge/\n  -H 'a: SECRET'", "is a continuation missing"},
		{"a space behind a continuation of cmd", "curl http://edge/ -s ^ \n  -H \"a: SECRET\" ^\n -s", "is a continuation missing"},
		{"no continuation of PowerShell", "curl.exe http://edge/\n  -H 'a: SECRET' `\n -s", "is a continuation missing"},
		{"curl in PowerShell", "curl http://edge/ `\n -s", "write curl.exe"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			commands, err := Read(tc.text, Auto, nothing)
			if err != nil {
				t.Fatal(err)
			}
			requests, err := commands[0].Requests()
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(requests[0].Notes, "\n")
			if !strings.Contains(notes, tc.want) || strings.Contains(notes, "SECRET") {
				t.Errorf("got notes %q, want %q", notes, tc.want)
			}
		})
	}
}

// TestReadingTakesLinearTime reads texts of one shape in two sizes: four times the
// text may take no more than twelve times as long.
func TestReadingTakesLinearTime(t *testing.T) {
	for _, shell := range []Shell{POSIX, Cmd, PowerShell} {
		for _, piece := range []string{"> ", "2>", "%", "%A", "^", "\"", "'", "`", "$(", "$a ", "@'\n", "\\", "a ", "a=b;", "-s ", "#\n", "<<a\n", "a|", "http://"} {
			took := func(n int) time.Duration {
				text := "curl " + strings.Repeat(piece, n)
				return testcpu.Least(3, func() { _, _ = Read(text, shell, nothing) })
			}
			if small, large := took(2000), took(8000); large > 12*small+20*time.Millisecond {
				t.Errorf("%s: %q 2000 times takes %v, 8000 times %v", shell, piece, small, large)
			}
		}
	}
}

// FuzzRead holds that no text makes it panic, and that a head that comes out is one
// head: no line end has slipped in.
func FuzzRead(f *testing.F) {
	for _, s := range spellings {
		f.Add(s.text, "")
	}
	f.Add("curl ^\"http://edge/^\" -H ^\"a: %A_B%^\" ^\n -d \"a\\\"\"", "cmd")
	f.Add("$a = 'b'\ncurl.exe \"http://edge/$a\" `\n -d @'\nx\n'@", "powershell")
	f.Fuzz(func(t *testing.T, text, shell string) {
		if strings.Contains(text, "@") { // files are not to be read
			t.Skip()
		}
		commands, err := Read(text, Shell(shell), nothing)
		if err != nil {
			return
		}
		for _, c := range commands {
			requests, err := c.Requests()
			if err != nil {
				continue
			}
			for _, r := range requests {
				head := string(r.Head(func(string) string { return "x" }))
				if lines := strings.Count(head, "\n"); lines != len(r.Fields)+2 || strings.Count(head, "\r\n") != lines {
					t.Errorf("%q is not one head", head)
				}
			}
		}
	})
}
