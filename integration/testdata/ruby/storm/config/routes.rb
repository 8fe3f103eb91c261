Rails.application.routes.draw do
  get "repos" => "repos#index"
  get "leak" => "repos#leak"
  get "fork" => "repos#fork_and_exec"
  get "close" => "repos#close_all"
  root "pages#home"
end
