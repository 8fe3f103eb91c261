Rails.application.routes.draw do
  get "up" => "rails/health#show"
  get "slow" => "pages#slow"
  root "pages#home"
end
