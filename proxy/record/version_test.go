package record

import (
	"slices"
	"testing"
)

func TestTheVersionOfAClient(t *testing.T) {
	for _, tc := range []struct{ agent, want string }{
		{"OpenAI/Python 2.34.0", "2.34.0"},
		{"AsyncAzureOpenAI/Python 1.3.9", "1.3.9"},
		{"AzureOpenAI/JS 6.1.0", "6.1.0"},
		{"OpenAI/Go 3.0.1", "3.0.1"},
		{"ai-sdk/azure/4.0.2 ai-sdk/provider-utils/4.0.0 runtime/node.js/22", "4.0.2"},
		{"ai/7.0.1 ai-sdk/openai/4.1.0", "4.1.0"},
		{"curl/8.5.0", "8.5.0"},
		{"azsdk-go-azopenai/v0.7.2 (go1.26.1; linux)", "0.7.2"},
		{"azsdk-net-AI.OpenAI/2.0.0 (.NET 9.0.7; Debian GNU/Linux 12 (bookworm))", "2.0.0"},
		{"OpenAI/2.0.0 (.NET 9.0.7; Debian GNU/Linux 12 (bookworm))", "2.0.0"},
		{"ls/JS 5.23.2", "5.23.2"},
		{"codex_cli_rs/0.58.0 (Ubuntu 24.4.0; x86_64)", "0.58.0"},
		{"OpenAI/Python 2.0.0rc1", "2.0.0"},
		{"OpenAI/Python", ""},
		{"curl/8", ""},
		{"curl/4111111111111111.1", ""},
		{"curl/key-0123abcd", ""},
		{"curl/1.2.3.4.5.6.7.8.9.10", ""},
		{"somebody/1.2", ""},
		{"", ""},
	} {
		if got := VersionOf([]byte(tc.agent), FamilyOf([]byte(tc.agent))).String(); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.agent, got, tc.want)
		}
	}
}

func TestTextsOfNeeds(t *testing.T) {
	all := Needs(0)
	for i, need := range AllNeeds() {
		all |= need
		if got := need.List(); !slices.Equal(got, needTexts[i:i+1]) {
			t.Errorf("%d is %v, want %q", need, got, needTexts[i])
		}
	}
	if got := all.List(); !slices.Equal(got, needTexts[:]) || !slices.Contains(got, "cors") || !slices.Equal(NeedsCORS.List(), []string{"cors"}) {
		t.Errorf("all are %v, want %v", got, needTexts)
	}
}
