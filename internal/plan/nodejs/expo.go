package nodejs

import "encoding/json"

// expoOutput is the application for the browser, where it has one: https://docs.expo.dev/versions/latest/config/app/#output.
func expoOutput(p *Project) (output, bool) {
	var config struct {
		Expo struct{ Web struct{ Output string } }
	}
	text, _, err := p.app.Read(p.in("app.json"))
	if err != nil || len(text) > 0 && json.Unmarshal(text, &config) != nil {
		return output{}, false
	}
	kind := config.Expo.Web.Output
	return output{static: "dist", pages: kind == "static", why: "its application for the browser"}, kind != "server" && p.builds() && p.manifest.Has("react-native-web")
}
