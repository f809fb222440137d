# title: the orders of one month
# workload: tpch
# engines: sqlite
SELECT COUNT(*) AS n, SUM(o_totalprice) AS total FROM orders WHERE strftime('%Y-%m', o_orderdate) = '1995-03';
