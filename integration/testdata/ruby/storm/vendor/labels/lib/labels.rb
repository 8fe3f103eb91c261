# A library whose author did not expect it to be called for each row of a table.
module Labels
  COLORS = %w[red green blue yellow].freeze

  def self.for(name)
    words = COLORS.flat_map { |color| name.each_char.map { |char| "#{color}-#{char}" } }
    words.find { |word| word.end_with?(name[0]) }
  end
end
