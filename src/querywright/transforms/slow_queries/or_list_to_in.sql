# title: one column compared with many values
# workload: tpch
SELECT SUM(l_extendedprice) AS revenue FROM lineitem
WHERE l_suppkey = 3
  OR l_suppkey = 17
  OR l_suppkey = 29
  OR l_suppkey = 41
  OR l_suppkey = 53
  OR l_suppkey = 67
  OR l_suppkey = 71
  OR l_suppkey = 83
  OR l_suppkey = 97
  OR l_suppkey = 101;
