module github.com/apim-edge/apim-edge/vectors

go 1.26.0

require github.com/c2sp/wycheproof v0.0.0-20260902155932-3fa63dd0344a
