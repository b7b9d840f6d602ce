using Limn.Engine;

namespace Limn.Data;

/// <summary>The colour space CIE 1976 L*a*b*, in which equal distances look about equally different.</summary>
/// <remarks>
/// sRGB (IEC 61966-2-1) is made linear, v ≤ 0.04045 ? v/12.92 : ((v + 0.055)/1.055)^2.4, and turned into X, Y, Z by the primaries of
/// ITU-R BT.709. With f(t) = ∛t, or t·(29/6)²/3 + 4/29 where t ≤ (6/29)³, and the white point of D65 (2°) 0.95047, 1, 1.08883:
/// L* = 116·f(Y) − 16, a* = 500·(f(X/Xₙ) − f(Y)), b* = 200·(f(Y) − f(Z/Zₙ)). L* goes from 0 to 100, a* and b* about from −110 to 110.
/// Values outside 0 to 1 follow the same formulas.
/// </remarks>
public static class CieLab
{
    private const double WhiteX = 0.95047, WhiteZ = 1.08883;

    /// <summary>Converts the planes red, green, blue of a picture to L*, a*, b*.</summary>
    /// <param name="picture">Three channels, height, width; sRGB from 0 to 1.</param>
    /// <exception cref="ShapeMismatchException">The picture has not three dimensions with three channels.</exception>
    public static NdArray FromSrgb(NdArray picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if (picture.Rank != 3 || picture.Dims[0] != 3)
            throw new ShapeMismatchException($"A picture to convert to CIELAB has the shape [3, height, width], and {NdArray.Describe(picture.Dims)} was given.");
        NdArray lab = NdArray.Create(ElementType.Float, picture.Dims.ToArray());
        int plane = picture.Length / 3;
        Span<float> from = picture.Floats, to = lab.Floats;
        for (int i = 0; i < plane; i++)
        {
            var (l, a, b) = FromSrgb(from[i], from[plane + i], from[2 * plane + i]);
            (to[i], to[plane + i], to[2 * plane + i]) = ((float)l, (float)a, (float)b);
        }
        return lab;
    }

    /// <summary>One colour.</summary>
    public static (double L, double A, double B) FromSrgb(double red, double green, double blue)
    {
        double r = Linear(red), g = Linear(green), b = Linear(blue);
        double x = Lightness((0.412453 * r + 0.357580 * g + 0.180423 * b) / WhiteX);
        double y = Lightness(0.212671 * r + 0.715160 * g + 0.072169 * b);
        double z = Lightness((0.019334 * r + 0.119193 * g + 0.950227 * b) / WhiteZ);
        return (116 * y - 16, 500 * (x - y), 200 * (y - z));
    }

    private static double Linear(double v) => v <= 0.04045 ? v / 12.92 : Math.Pow((v + 0.055) / 1.055, 2.4);

    private static double Lightness(double t) => t <= 216.0 / 24389 ? t * 841 / 108 + 4.0 / 29 : Math.Cbrt(t);
}
