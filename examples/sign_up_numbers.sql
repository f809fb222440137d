/* First, second, third … user of the region: the number of each sign-up.
   Counting "all that came before" is a trick from before window functions. */
SELECT u.id,
       u.email,
       u.region,
       (SELECT COUNT(*)
        FROM users e
        WHERE e.region = u.region
          AND e.created_at <= u.created_at) AS sign_up_number
FROM users u
WHERE u.plan = 'premium'
