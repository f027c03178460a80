package census

import "testing"

func TestWhatAPathShows(t *testing.T) {
	for _, tc := range []struct {
		path string
		want place
	}{
		{"/openai/v1/chat/completions", place{V1, "chat/completions", "", ""}},
		{"/v1/responses/resp_0123", place{V1, "responses/{id}", "", ""}},
		{"/openai/v1/responses?api-version=preview", place{V1, "responses", "preview", ""}},
		{"/legacy/openai/v1/files/file-1/content", place{V1, "files/{id}/content", "", ""}},
		{"/openai/v1/models/gpt-4o", place{V1, "models/{id}", "", "gpt-4o"}},
		{"/openai/deployments/gpt4o-prod/chat/completions?api-version=2024-10-21", place{Legacy, "chat/completions", "2024-10-21", "gpt4o-prod"}},
		{"/contoso/openai/deployments/my%20one/embeddings?api-version=2024-12-01-preview", place{Legacy, "embeddings", "2024-12-01-preview", Other}},
		{"/openai/deployments/gpt-4o%3Aft/chat/completions", place{Legacy, "chat/completions", "", "gpt-4o:ft"}},
		{"/openai/v1/deployments/gpt-4o/chat/completions", place{Legacy, "chat/completions", "", "gpt-4o"}},
		{"/openai/responses?api-version=2025-03-01-preview", place{Legacy, "responses", "2025-03-01-preview", ""}},
		{"/openai/threads/t1/runs/r1/steps/s1/more?api-version=2024-05-01-preview", place{Legacy, "threads/{id}/runs/{id}/steps/{id}", "2024-05-01-preview", ""}},
		{"/openai/realtime?api-version=2025-04-01-preview&deployment=x", place{Legacy, "realtime", "2025-04-01-preview", ""}},
		{"/chat/openai/v1/responses", place{V1, "responses", "", ""}},
		{"/models/chat/completions?api-version=2024-05-01-preview", place{Legacy, "models/chat/completions", "2024-05-01-preview", ""}},
		{"/openai/v1/chat/completions?api-version=../../x", place{V1, "chat/completions", Other, ""}},
		{"/openai/chat/completions", place{Other, "chat/completions", "", ""}},
		{"/wp-login.php", place{Other, Other, "", ""}},
		{"/", place{Other, Other, "", ""}},
		{"", place{Other, Other, "", ""}},
	} {
		if got := placeOf([]byte(tc.path)); got != tc.want {
			t.Errorf("%s: got %+v, want %+v", tc.path, got, tc.want)
		}
	}
}

func FuzzAPathIsOnlyTellingWhatIsKnown(f *testing.F) {
	for _, path := range []string{"/openai/v1/models/gpt-4o", "/openai/deployments/a/chat/completions?api-version=2024-10-21", "/v1/x/../", "?"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p := placeOf([]byte(path))
		if len(p.model) > 64 || len(p.version) > 18 || len(p.operation) > 120 || p.operation == "" {
			t.Errorf("%q: %+v", path, p)
		}
	})
}
