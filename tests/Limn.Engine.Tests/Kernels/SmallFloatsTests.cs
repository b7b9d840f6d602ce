using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public class SmallFloatsTests
{
    [Theory]
    [InlineData(ElementType.Float8E4M3FN, 256)]
    [InlineData(ElementType.Float8E4M3FNUZ, 256)]
    [InlineData(ElementType.Float8E5M2, 256)]
    [InlineData(ElementType.Float8E5M2FNUZ, 256)]
    [InlineData(ElementType.Float4E2M1, 16)]
    [InlineData(ElementType.Float8E8M0, 256)]
    public void Every_code_survives_and_every_number_between_two_goes_to_the_nearer(ElementType type, int codes)
    {
        float[] values = [.. Enumerable.Range(0, codes).Select(c => SmallFloats.Decode((byte)c, type))];
        for (int c = 0; c < codes; c++)
        {
            if (float.IsNaN(values[c])) continue;
            Assert.Equal(c, SmallFloats.Encode(values[c], type));
            if (float.IsFinite(values[c])) Assert.Equal(values[c], Rounded(values[c], type));
        }
        if (type == ElementType.Float8E8M0) return;
        float[] finite = [.. values.Where(float.IsFinite).Distinct().Order()];
        for (int i = 1; i < finite.Length; i++)
        {
            float a = finite[i - 1], b = finite[i];
            Assert.Equal(a, Rounded(a + (b - a) * 0.49f, type));
            Assert.Equal(b, Rounded(a + (b - a) * 0.51f, type));
            float tie = Rounded(a + (b - a) / 2, type);
            Assert.Equal(0, SmallFloats.Encode(tie, type) & 1); // the even code
        }
    }

    [Fact]
    public void What_is_too_large_saturates_or_becomes_infinite_or_nan()
    {
        Assert.Equal(448, Rounded(1e9f, ElementType.Float8E4M3FN));
        Assert.Equal(float.NaN, Rounded(1e9f, ElementType.Float8E4M3FN, saturate: false));
        Assert.Equal(float.NegativeInfinity, Rounded(-1e9f, ElementType.Float8E5M2, saturate: false));
        Assert.Equal(-57344, Rounded(float.NegativeInfinity, ElementType.Float8E5M2));
        Assert.Equal(float.NaN, Rounded(float.PositiveInfinity, ElementType.Float8E5M2FNUZ, saturate: false));
        Assert.Equal(6, Rounded(1e9f, ElementType.Float4E2M1, saturate: false));
        Assert.False(float.IsNegative(Rounded(-0f, ElementType.Float8E4M3FNUZ)));
        Assert.True(float.IsNegative(Rounded(-0f, ElementType.Float8E4M3FN)));
    }

    [Theory]
    [InlineData(3, 4, 2, 4)]
    [InlineData(2.5f, 4, 2, 2)]
    [InlineData(4, 4, 4, 4)]
    [InlineData(0.3f, 0.5f, 0.25f, 0.25f)]
    public void Powers_of_two_are_reached_up_down_or_at_the_nearest(float x, float up, float down, float nearest)
    {
        Assert.Equal(up, Rounded(x, ElementType.Float8E8M0, powers: PowerRounding.Up));
        Assert.Equal(down, Rounded(x, ElementType.Float8E8M0, powers: PowerRounding.Down));
        Assert.Equal(nearest, Rounded(x, ElementType.Float8E8M0, powers: PowerRounding.Nearest));
    }

    private static float Rounded(float x, ElementType type, bool saturate = true, PowerRounding powers = PowerRounding.Up)
    {
        float[] y = [x];
        SmallFloats.Round(y, y, type, saturate, powers);
        return y[0];
    }
}
