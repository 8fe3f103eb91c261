document.querySelector('main').textContent = 'at ' + location.pathname
