using Limn.Data;
using Limn.Engine;

namespace Limn.Tests.Data;

public class CieLabTests
{
    [Theory] // the primaries and their mixtures as tabulated for sRGB and D65; the last of scikit-image 0.19.3
    [InlineData(0, 0, 0, 0, 0, 0)]
    [InlineData(1, 1, 1, 100, 0, 0)]
    [InlineData(1, 0, 0, 53.241, 80.092, 67.203)]
    [InlineData(0, 1, 0, 87.735, -86.183, 83.179)]
    [InlineData(0, 0, 1, 32.297, 79.188, -107.860)]
    [InlineData(1, 1, 0, 97.139, -21.554, 94.478)]
    [InlineData(0, 1, 1, 91.113, -48.088, -14.131)]
    [InlineData(1, 0, 1, 60.324, 98.234, -60.825)]
    [InlineData(0.5, 0.5, 0.5, 53.389, 0, 0)]
    [InlineData(0.02, 0.02, 0.02, 1.398, 0, 0)]
    [InlineData(0.2, 0.5, 0.8, 52.25206, 2.77602, -46.28571)]
    public void Colours_have_their_known_coordinates(double red, double green, double blue, double l, double a, double b)
    {
        NdArray lab = CieLab.FromSrgb(new NdArray([9, (float)red, 9, (float)green, 9, (float)blue], 3, 1, 2));
        Assert.Equal(l, lab.Floats[1], 0.01);
        Assert.Equal(a, lab.Floats[3], 0.01);
        Assert.Equal(b, lab.Floats[5], 0.01);
    }

    [Fact]
    public void The_two_pieces_of_each_formula_meet()
    {
        for (double v = -0.1; v < 1.1; v += 1e-4)
        {
            var (l, a, b) = CieLab.FromSrgb(v, v, v);
            var next = CieLab.FromSrgb(v + 1e-4, v + 1e-4, v + 1e-4);
            Assert.InRange(next.L - l, 0.001, 0.02);
            Assert.InRange(Math.Abs(a) + Math.Abs(b), 0, 0.02);
        }
    }

    [Fact]
    public void Only_red_green_and_blue_are_converted()
    {
        Assert.Throws<ShapeMismatchException>(() => CieLab.FromSrgb(NdArray.Create(ElementType.Float, 1, 4, 4)));
        Assert.Throws<ShapeMismatchException>(() => CieLab.FromSrgb(NdArray.Create(ElementType.Float, 3, 4)));
    }
}
