namespace Limn.Reports.Tests;

public class NumberTextTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(-0.0, "0")]
    [InlineData(0.0123, "0.0123")]
    [InlineData(-0.012349, "-0.0123")]
    [InlineData(1, "1")]
    [InlineData(1250, "1250")]
    [InlineData(99999, "1e5")]
    [InlineData(99949, "99900")]
    [InlineData(123456, "1.23e5")]
    [InlineData(0.00012, "1.2e-4")]
    [InlineData(-1.5e-30, "-1.5e-30")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.NegativeInfinity, "-infinity")]
    public void Short_has_few_digits_and_no_padding(double value, string expected) => Assert.Equal(expected, NumberText.Short(value));

    [Theory]
    [InlineData(1.5, "+1.5")]
    [InlineData(-1.5, "\u22121.5")]
    [InlineData(0, "0")]
    [InlineData(double.PositiveInfinity, "+infinity")]
    [InlineData(double.NaN, "NaN")]
    public void Signed_always_shows_the_sign(double value, string expected) => Assert.Equal(expected, NumberText.Signed(value));

    [Theory]
    [InlineData(0, "0 %")]
    [InlineData(1, "100 %")]
    [InlineData(0.98712, "98.7 %")]
    [InlineData(0.0001, "< 0.1 %")]
    [InlineData(0.99999, "> 99.9 %")]
    public void Percent_never_claims_certainty_by_rounding(double share, string expected) => Assert.Equal(expected, NumberText.Percent(share));

    [Fact]
    public void Bitmap_font_has_every_character_of_a_number()
    {
        var canvas = new Canvas(200, 9, new Rgb(255, 255, 255));
        BitmapFont.Draw(canvas, "0123456789+-.e ", 0, 1, 1, default);
        byte[] rgb = canvas.ToImage().Pixels;
        HashSet<string> shapes = [];
        for (int c = 0; c < 15; c++)
        {
            int left = c * BitmapFont.Advance;
            shapes.Add(string.Concat(Enumerable.Range(0, 9 * BitmapFont.Width)
                .Select(i => rgb[3 * ((i / BitmapFont.Width * 200) + left + (i % BitmapFont.Width))] == 0 ? '#' : ' ')));
        }

        Assert.Equal(15, shapes.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => BitmapFont.Draw(canvas, "%", 0, 0, 1, default));
        Assert.Equal(0, BitmapFont.Measure("", 2));
        Assert.Equal(22, BitmapFont.Measure("12", 2));
    }
}
