namespace Limn.Reports.Tests;

public class PaletteTests
{
    [Fact]
    public void Diverging_is_neutral_and_light_at_zero()
    {
        Rgb zero = Palette.Diverging(0);
        Assert.Equal(zero.Red, zero.Green);
        Assert.Equal(zero.Green, zero.Blue);
        Assert.True(zero.Red > 240);
        Assert.Equal(zero, Palette.Diverging(-0.0));
    }

    [Fact]
    public void Diverging_is_as_light_at_minus_t_as_at_plus_t_and_darkens_outwards()
    {
        double before = double.PositiveInfinity;
        for (int i = 0; i <= 100; i++)
        {
            double plus = Lightness(Palette.Diverging(i / 100.0)), minus = Lightness(Palette.Diverging(-i / 100.0));
            Assert.InRange(plus - minus, -0.006, 0.006); // 8-bit rounding
            Assert.True(plus <= before + 1e-3, $"lightness rises at {i} %");
            before = plus;
        }
    }

    [Fact]
    public void Diverging_is_blue_below_and_orange_above_zero()
    {
        for (double t = 0.1; t <= 1; t += 0.1)
        {
            (Rgb minus, Rgb plus) = (Palette.Diverging(-t), Palette.Diverging(t));
            Assert.True(minus.Blue > minus.Red + 10, $"{minus} at -{t}");
            Assert.True(plus.Red > plus.Blue + 10, $"{plus} at {t}");
        }
    }

    [Fact]
    public void Sequential_grows_evenly_lighter()
    {
        for (int i = 1; i <= 64; i++)
        {
            double step = Lightness(Palette.Sequential(i / 64.0)) - Lightness(Palette.Sequential((i - 1) / 64.0));
            Assert.InRange(step, 0.006, 0.019); // 0.0125 each, but for 8-bit rounding
        }
    }

    [Fact]
    public void Values_beyond_the_ends_are_clipped_and_nan_has_its_own_grey()
    {
        Assert.Equal(Palette.Diverging(1), Palette.Diverging(7));
        Assert.Equal(Palette.Diverging(-1), Palette.Diverging(double.NegativeInfinity));
        Assert.Equal(Palette.Sequential(0), Palette.Sequential(-1));
        Assert.Equal(Palette.Sequential(1), Palette.Sequential(double.PositiveInfinity));
        Assert.Equal(Palette.NonFinite, Palette.Diverging(double.NaN));
        Assert.Equal(Palette.NonFinite, Palette.Sequential(double.NaN));
        Assert.DoesNotContain(Palette.NonFinite, Enumerable.Range(-500, 1001).Select(i => Palette.Diverging(i / 500.0)));
    }

    [Fact]
    public void White_and_black_convert_exactly()
    {
        Assert.Equal(new Rgb(255, 255, 255), Palette.FromOklch(1, 0, 0));
        Assert.Equal(new Rgb(0, 0, 0), Palette.FromOklch(0, 0, 0));
        Assert.Equal("#ff0a80", new Rgb(255, 10, 128).Hex);
    }

    // OKLab L from sRGB, by the forward matrices.
    private static double Lightness(Rgb c)
    {
        (double r, double g, double b) = (Linear(c.Red), Linear(c.Green), Linear(c.Blue));
        double l = Math.Cbrt((0.4122214708 * r) + (0.5363325363 * g) + (0.0514459929 * b));
        double m = Math.Cbrt((0.2119034982 * r) + (0.6806995451 * g) + (0.1073969566 * b));
        double s = Math.Cbrt((0.0883024619 * r) + (0.2817188376 * g) + (0.6299787005 * b));
        return (0.2104542553 * l) + (0.7936177850 * m) - (0.0040720468 * s);

        static double Linear(byte v) => v / 255.0 <= 0.04045 ? v / 255.0 / 12.92 : Math.Pow(((v / 255.0) + 0.055) / 1.055, 2.4);
    }
}
