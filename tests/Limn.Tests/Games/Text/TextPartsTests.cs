using Limn.Games;

namespace Limn.Tests.Games.Text;

public sealed class TextPartsTests
{
    private static string[] Of(TextParts parts) => [.. Enumerable.Range(0, parts.Parts.Count).Select(p => parts[p])];

    [Theory]
    [InlineData("", new string[0])]
    [InlineData(" ...", new string[0])]
    [InlineData("one", new[] { "one" })]
    [InlineData("It isn't well-known, 'quoted' - is it?", new[] { "It", "isn't", "well-known", "quoted", "is", "it" })]
    [InlineData("Größe 3,5 Öl; naïve", new[] { "Größe", "3", "5", "Öl", "naïve" })]
    [InlineData("don’t stop-", new[] { "don’t", "stop" })]
    public void Words_are_letters_and_digits_with_apostrophes_and_hyphens_inside(string text, string[] words) => Assert.Equal(words, Of(TextParts.Words(text)));

    [Theory]
    [InlineData("", new string[0])]
    [InlineData("One. Two! \"Three?\" four 3.5 metres", new[] { "One.", "Two!", "\"Three?\"", "four 3.5 metres" })]
    [InlineData("a line\nanother line \n\n third.", new[] { "a line", "another line", "third." })]
    public void Sentences_end_at_full_stops_before_white_space_and_at_the_end_of_lines(string text, string[] sentences) => Assert.Equal(sentences, Of(TextParts.Sentences(text)));

    [Fact]
    public void Parts_are_taken_out_or_replaced()
    {
        TextParts parts = TextParts.Words("A very good film, truly.");
        Assert.Equal("A very good film, truly.", parts.With(_ => true, null));
        Assert.Equal("A good film,.", parts.With(p => p is 0 or 2 or 3, null));
        Assert.Equal("A [MASK] good film, [MASK].", parts.With(p => p is 0 or 2 or 3, "[MASK]"));
        Assert.Equal(",.", parts.With(_ => false, null));
    }

    [Fact]
    public void Words_of_a_clause_belong_together_before_those_of_a_sentence()
    {
        Hierarchy tree = TextParts.Words("one two, three. four five").Hierarchy();
        Assert.Contains(Enumerable.Range(5, 4), n => tree.Members(n).ToArray().Order().SequenceEqual([0, 1]));
        Assert.Contains(Enumerable.Range(5, 4), n => tree.Members(n).ToArray().Order().SequenceEqual([0, 1, 2]));
        Assert.Contains(Enumerable.Range(5, 4), n => tree.Members(n).ToArray().Order().SequenceEqual([3, 4]));
        Assert.Empty(TextParts.Words("one").Hierarchy().Joins);
        Assert.Empty(TextParts.Words("").Hierarchy().Joins);
    }
}
