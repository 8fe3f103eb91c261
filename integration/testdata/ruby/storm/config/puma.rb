threads 3, 3
port ENV.fetch("PORT", 3000)
# Puma's reactor waits for slow clients by means of nio4r. The test data's nio4r is written in Ruby and at times works without
# end, so that a profile tells of little else.
queue_requests false
