package nodejs

import "github.com/gantry-buildpack/gantry/internal/source/app"

// browsers are packages that look in the home folder for a browser that they have fetched there: https://pptr.dev/guides/configuration
// and https://playwright.dev/docs/browsers#managing-browser-binaries.
var browsers = []struct{ name, inApp, elsewhere string }{
	{"puppeteer", "cacheDirectory in .puppeteerrc.cjs", "PUPPETEER_EXECUTABLE_PATH"},
	{"playwright", "PLAYWRIGHT_BROWSERS_PATH=0", "executablePath"},
}

// browserConfigs are files in which the place of the browser can be chosen.
var browserConfigs = []string{".puppeteerrc", ".puppeteerrc.cjs", ".puppeteerrc.js", ".puppeteerrc.mjs", ".puppeteerrc.json", ".puppeteerrc.yaml", "puppeteer.config.js", "puppeteer.config.cjs", "puppeteer.config.ts"}

// withoutBrowser warns of packages whose browser would not be in the image.
func (p *Project) withoutBrowser() (warnings []string) {
	for _, b := range browsers {
		if _, atLaunch := p.manifest.Uses(b.name); !atLaunch || b.name == "puppeteer" && p.app.FirstOf(app.InDir(p.dir, browserConfigs)) != "" {
			continue
		}
		warnings = append(warnings, b.name+" looks for a browser in the home folder, and what is fetched there while building is not in the image. Fetch it in a build script "+
			"into the application ("+b.inApp+"), or use a run image that has one ("+b.elsewhere+"). The run image needs the browser's libraries, too.")
	}
	return warnings
}
