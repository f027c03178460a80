package record

import "testing"

// TestFamilies holds it for agents that were seen on the wire.
func TestFamilies(t *testing.T) {
	for agent, want := range map[string]string{
		"":                            "none",
		"OpenAI/Python 3.57.0":        "openai-python",
		"AsyncAzureOpenAI/Python 2.1": "openai-python",
		"OpenAI/JS 5.20.1":            "openai-node", // of GitHub Copilot CLI 1.0.102
		"AzureOpenAI/JS 7.59.0":       "openai-node",
		"ls/JS 5.23.2":                "openai-node", // of Continue's CLI 1.5.47, whose bundler renames
		"Anthropic/JS 0.95.1":         "other",
		"OpenAI/2.0.0 (.NET 9.0.7; Debian GNU/Linux 12 (bookworm))":                "openai-dotnet",
		"azsdk-net-AI.OpenAI/2.0.0 (.NET 9.0.7; Debian GNU/Linux 12 (bookworm))":   "azure-sdk",
		"azsdk-go-azopenai/v0.7.2 (go1.26.1; linux)":                               "azure-sdk",
		"codex_exec/0.171.0 (Debian 12.0.0; x86_64) unknown (codex_exec; 0.171.0)": "codex",
		"OpenAI/Cobol 1.0.0":       "other",
		"GitHubCopilotChat/0.68.0": "vscode",
		"curl/7.88.1":              "curl",
		"Go-http-client/1.1":       "go",
		"somebody/1.2":             "other",
		"OpenAI/Java 4.8.0":        "openai-java",
		"OpenAI/Go 3.0.1":          "openai-go",
		"Mozilla/5.0 (X11)":        "browser",
		"langchainjs-openai/1":     "langchain",
	} {
		if got := FamilyOf([]byte(agent)).String(); got != want {
			t.Errorf("%q: got %s, want %s", agent, got, want)
		}
	}
}
